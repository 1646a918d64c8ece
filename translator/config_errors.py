"""Turns validation errors of a config into one sentence: which key, in which line, and what was expected."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from translator.attention import MECHANISMS
from translator.errors import UsageError, most_similar
from translator.settings import Settings

_MAX_QUOTED_CHARACTERS = 200
_EXPECTED = {
    "int_parsing_size": "less than 9223372036854775808",
    "model_type": "a table",
    "path_type": "a path",
    "str": "a string",
    "tuple[str, str]": "a pair of strings",
    "tuple_type": """a list, such as '["a", "b"]'""",
    "string_pattern_mismatch": "text that is not blank",
    "bool": "true or false",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
}
"""Our words for pydantic's error types, and for the members of a union in the location of an error."""


class Origin(NamedTuple):
    """Where the values of a config come from, for error messages."""

    file: str
    text: str
    overrides: tuple[str, ...] = ()  # of --set, as KEY=VALUE
    options: Mapping[str, str] = {}  # key -> the option that set it, such as --beam-size

    def inside(self, table: str) -> list[str]:
        """Return the keys of a table that --set gives."""
        keys = [override.partition("=")[0].strip() for override in self.overrides]
        return [key for key in keys if key.startswith(f"{table}.")]

    def place(self, *keys: str) -> str:
        """Return the first option that set one of these keys or a table with it, else `file:line: key` of the first key."""
        overridden = [override.split("=")[0].strip() for override in self.overrides]
        for key in keys:
            if key in self.options:
                return self.options[key]
            if any(f"{key}.".startswith(f"{prefix}.") for prefix in overridden):
                return f"--set {key}"
        line = _line_of(keys[0], self.text)
        return f"{self.file}:{line}: {keys[0]}" if line else f"{self.file}: {keys[0]}"


def explain(error: ValidationError, prefix: str, settings: type[Settings], origin: Origin) -> UsageError:
    """Return the first error of the table `prefix`, whose settings class is `settings`, as a UsageError."""
    details = error.errors(include_url=False)
    first, path = details[0], [str(part) for part in details[0]["loc"]]
    key = ".".join([prefix, *path])
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, ValidationError):  # of an attention table, whose mechanism decides which keys it may have
        mechanism = str(first["input"].get("mechanism", "full")) if isinstance(first["input"], dict) else ""
        return explain(inner, key, MECHANISMS[mechanism].settings if mechanism in MECHANISMS else settings, origin)
    if first["type"] == "extra_forbidden":
        return UsageError(origin.place(key), "unknown option", suggestion(path[-1], _fields_at(settings, path[:-1])))
    if first["type"] == "value_error":
        message = first["msg"].removeprefix("Value error, ")
        # An error of a whole table is reported where the fields that its message names were set.
        fields = [] if path else [word for word in re.findall(r"\w+", message) if word in settings.model_fields]
        return UsageError(origin.place(*(f"{key}.{field}" for field in fields), key), message)
    # For a union, pydantic appends the member to the path and reports an error for each; `depth` is the path without it.
    depth = 0
    while depth < len(path) and path[depth] in _fields_at(settings, path[:depth]):
        depth += 1
    expected = []
    for detail in details:
        if detail["loc"][:depth] == first["loc"][:depth]:
            kind = str(detail["loc"][depth]) if len(detail["loc"]) > depth else detail["type"]
            message = detail["msg"].removeprefix("Input should be ")
            expected.append(_EXPECTED.get(kind, _EXPECTED.get(detail["type"], message)))
    place = origin.place(".".join([prefix, *path[:depth]]))
    return UsageError(place, f"found {quoted(first['input'])}, expected {' or '.join(dict.fromkeys(expected))}")


def quoted(value: object) -> str:
    """Return the value as an error message shows it, shortened if it is long."""
    try:
        text = repr(value)
    except ValueError:
        return "an integer of more than 4,300 digits"
    too_long = len(text) > _MAX_QUOTED_CHARACTERS
    return f"{text[:_MAX_QUOTED_CHARACTERS]}... ({len(text):,} characters)" if too_long else text


def _fields_at(settings: type[Settings], path: Sequence[str]) -> Mapping[str, object]:
    """Return the fields of the table at `path` within a settings class."""
    for part in path:
        field = settings.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, Settings):
            break
        settings = field.annotation
    return settings.model_fields


def suggestion(word: str, known: Mapping[str, object]) -> str:
    """Return advice with the known word that is closest to this one, or with all known words."""
    similar = most_similar(word, known)
    return f"did you mean {similar!r}?" if similar else f"expected one of {', '.join(known)}"


def _line_of(key: str, text: str) -> int | None:
    """Return the number of the line that sets a dotted key in a TOML text, or None."""
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
