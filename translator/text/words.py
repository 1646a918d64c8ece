"""The words that a model was trained on, so that a reader can be told which ones it never saw."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from translator.errors import ModelError
from translator.text.reader import read_lines


def words(line: str) -> list[str]:
    """The words of a line: cut at whitespace, without punctuation around them, in folded case."""
    stripped = (strip_punctuation(word) for word in unicodedata.normalize("NFC", line).casefold().split())
    return [word for word in stripped if word]


def strip_punctuation(word: str) -> str:
    """The word without punctuation and symbols at its ends."""
    first, last = 0, len(word)
    while first < last and unicodedata.category(word[first])[0] in "PS":
        first += 1
    while last > first and unicodedata.category(word[last - 1])[0] in "PS":
        last -= 1
    return word[first:last]


def known_words(lines: Iterable[str]) -> frozenset[str]:
    """Every word of these lines."""
    return frozenset(word for line in lines for word in words(line))


def save_words(known: frozenset[str], path: Path) -> None:
    """One word a line, sorted."""
    path.write_bytes("".join(f"{word}\n" for word in sorted(known)).encode())


def load_words(path: Path) -> frozenset[str]:
    """What `save_words` wrote. Raises ModelError where there is none."""
    if not path.is_file():
        raise ModelError(str(path), "no such file", "restore the run folder")
    return frozenset(read_lines(path)) if path.stat().st_size else frozenset()
