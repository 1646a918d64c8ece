"""What is wrong with a config, in a sentence for the person who wrote it: which key, where it stands, what was expected."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from translator.attention import MECHANISMS
from translator.errors import UsageError
from translator.settings import Settings, most_similar

MOST_CHARACTERS = 200
"""Of a value that an error quotes."""
EXPECTED = {
    "int_parsing_size": "less than 9223372036854775808",
    "model_type": "a table",
    "path_type": "a path",
    "str": "a text",
    "tuple[str, str]": "a pair of texts",
    "bool": "true or false",
}
"""What to call the faults, and of a value that may be of several kinds the kinds, that pydantic has no good words for."""


class Origin(NamedTuple):
    """Where the values of a config were written, for errors."""

    file: str
    text: str
    overrides: tuple[str, ...] = ()
    options: Mapping[str, str] = {}  # of keys that have one of their own

    def place(self, *keys: str) -> str:
        """The first option that set one of these keys or its table, else `file:line: key` of the first."""
        overridden = [override.split("=")[0].strip() for override in self.overrides]
        for key in keys:
            if key in self.options:
                return self.options[key]
            if any(f"{key}.".startswith(f"{one}.") for one in overridden):
                return f"--set {key}"
        line = line_of(keys[0], self.text)
        return f"{self.file}:{line}: {keys[0]}" if line else f"{self.file}: {keys[0]}"


def explain(error: ValidationError, prefix: str, settings: type[Settings], origin: Origin) -> UsageError:
    """The first fault of a table, as one sentence about the key that has it."""
    faults = error.errors(include_url=False)
    fault, path = faults[0], [str(part) for part in faults[0]["loc"]]
    key = ".".join([prefix, *path])
    inner = fault.get("ctx", {}).get("error")
    if isinstance(inner, ValidationError):
        return explain(inner, key, inner_settings(fault["input"], settings), origin)
    if fault["type"] == "extra_forbidden":
        return UsageError(origin.place(key), "unknown option", suggestion(path[-1], fields_at(settings, path[:-1])))
    if fault["type"] == "value_error":
        message = fault["msg"].removeprefix("Value error, ")
        named = (
            [] if path else [f"{key}.{word}" for word in re.findall(r"\w+", message) if word in settings.model_fields]
        )
        return UsageError(origin.place(*named, key), message)
    depth = next((depth for depth, part in enumerate(path) if part not in fields_at(settings, path[:depth])), len(path))
    expected = {in_words(one, depth): None for one in faults if one["loc"][:depth] == fault["loc"][:depth]}
    place = origin.place(".".join([prefix, *path[:depth]]))
    return UsageError(place, f"found {quoted(fault['input'])}, expected {' or '.join(expected)}")


def in_words(fault: ErrorDetails, depth: int) -> str:
    """What was expected; below the key, which is so deep, stands which of several kinds it is about."""
    kind = str(fault["loc"][depth]) if len(fault["loc"]) > depth else fault["type"]
    return EXPECTED.get(kind, fault["msg"].removeprefix("Input should be "))


def quoted(value: object) -> str:
    """The value as an error shows it: a long one is cut."""
    try:
        text = repr(value)
    except ValueError:
        return "an integer of more than 4,300 digits"
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}... ({len(text):,} characters)"


def inner_settings(table: object, default: type[Settings]) -> type[Settings]:
    """The settings class that an attention table chose, for suggestions about its keys."""
    name = table.get("mechanism", "full") if isinstance(table, dict) else ""
    return MECHANISMS[name].settings if isinstance(name, str) and name in MECHANISMS else default


def fields_at(settings: type[Settings], path: Sequence[str]) -> Mapping[str, object]:
    """The fields of the table at `path` below a settings class."""
    for part in path:
        field = settings.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, Settings):
            break
        settings = field.annotation
    return settings.model_fields


def suggestion(word: str, known: Mapping[str, object]) -> str:
    """The known word most_similar to this one, or all of them."""
    near = most_similar(word, known)
    return f"did you mean {near!r}?" if near else f"there are {', '.join(known)}"


def line_of(key: str, text: str) -> int | None:
    """The line where a dotted key is set in a TOML text, found by its table header and name."""
    *parents, last = key.split(".")
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = header[1].replace(" ", "")
            if table == key:
                return number
        elif re.match(rf"\s*[\"']?{re.escape(last)}[\"']?\s*=", line) and table == ".".join(parents):
            return number
    return None
