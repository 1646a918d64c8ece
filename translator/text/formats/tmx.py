"""Translation memories in TMX 1.4 (www.gala-global.org/tmx-14b), parsed with expat; entities and external files are rejected."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from translator.errors import DataError
from translator.text.formats.columns import Languages
from translator.text.formats.table import Row
from translator.text.language_names import tag_of
from translator.text.opening import explain_errors, open_binary
from translator.text.reader import LineLimit

_CHUNK_BYTES = 2**16
_HEAD_UNITS = 1000  # that decide about the languages
_CODES = {"bpt", "ept", "ph", "it", "ut"}
"""Inline elements whose content is markup of the translated document and no text."""


class _Units:
    """Collects the translation units of a file that is parsed part by part."""

    def __init__(self, path: Path, max_characters: int) -> None:
        self.path = path
        self.units: list[tuple[int, dict[str, str]]] = []  # line, and language -> text
        self._max_characters = max_characters
        self._unit: dict[str, str] = {}
        self._line, self._language = 1, ""
        self._text, self._num_characters = list[str](), 0
        self._in_segment, self._depth = False, 0  # of inline elements without text
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._reject_entity
        self._parser.buffer_text = True

    def parse(self, content: bytes) -> None:
        """Parse the next bytes; none at the end of the file. Raises DataError if they are not XML."""
        try:
            self._parser.Parse(content, not content)
        except expat.ExpatError as error:
            found = f"not TMX ({expat.ErrorString(error.code)})"
            raise DataError(f"{self.path}:{error.lineno}", found, "export the translation memory again") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "tu":
            self._line, self._unit = self._parser.CurrentLineNumber, {}
        elif name == "tuv":
            self._language = attributes.get("xml:lang") or attributes.get("lang", "")
        elif name == "seg":
            self._in_segment, self._text, self._num_characters = True, [], 0
        elif name in _CODES:
            self._depth += 1

    def _end(self, name: str) -> None:
        if name == "tu":
            self.units.append((self._line, self._unit))
        elif name == "seg":
            self._in_segment = False
            self._unit.setdefault(self._language, "".join(self._text).strip())
        elif name in _CODES:
            self._depth -= 1

    def _characters(self, text: str) -> None:
        if self._in_segment and not self._depth and self._num_characters <= self._max_characters:
            self._text.append(text)
            self._num_characters += len(text)

    def _reject_entity(self, *declaration: Any) -> NoReturn:
        raise DataError(
            f"{self.path}:{self._parser.CurrentLineNumber}", "declares an entity, expected text", "remove it"
        )


def read_tmx(path: Path, limit: LineLimit, languages: Languages) -> Iterator[Row]:
    """Yield the texts of both languages, `de-DE` for `de` too. Raises DataError if one of them does not occur."""
    seen: dict[str, None] = {}
    missing = set(languages)
    for line, unit in _read_units(path, limit):
        seen.update(dict.fromkeys(unit))
        texts = {language: _text_in(language, unit) for language in languages}
        missing -= {language for language, text in texts.items() if text is not None}
        yield line, texts
    if missing:
        found = f"found the languages {', '.join(seen) or 'none'}, expected {' and '.join(languages)}"
        raise DataError(str(path), found, "set --source-language and --target-language")


def tmx_languages(path: Path) -> list[str]:
    """Return the languages of the first units, in the order of the file."""
    languages = dict.fromkeys(
        chain.from_iterable(unit for _, unit in islice(_read_units(path, LineLimit()), _HEAD_UNITS))
    )
    return list(languages)


def _read_units(path: Path, limit: LineLimit) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the texts of each unit; a text that is too long is cut."""
    parsed = _Units(path, limit.max_bytes)
    with explain_errors(path), open_binary(path) as stream:
        for content in chain(iter(partial(stream.read, _CHUNK_BYTES), b""), [b""]):
            parsed.parse(content)
            yield from parsed.units
            parsed.units.clear()


def _text_in(language: str, unit: dict[str, str]) -> str | None:
    """Return the text in a language; a text with the same region or script is preferred."""
    exact = (text for tag, text in unit.items() if tag.casefold() == language.casefold())
    similar = (text for tag, text in unit.items() if tag_of(tag) == tag_of(language))
    return next(chain(exact, similar), None)
