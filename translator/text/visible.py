"""Make text from files, models and users safe to show: control characters are escaped."""

import re
from collections.abc import Callable
from typing import Any

CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
"""Control characters except tab and line feed: C0, C1, separators, bidirectional controls and two noncharacters."""

LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " "))
"""Table for `str.translate` that puts a text on one line: all characters that any program cuts lines at become spaces."""


def visible(text: str) -> str:
    r"""Escape control characters, such as `\x1b`, so that a terminal shows them instead of obeying them."""
    return CONTROL.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def unbroken(text: str) -> str:
    """Escape line feeds, so that a file name or a sentence cannot start a new line in a message or table."""
    return text.replace("\n", "\\x0a")


def plain_value(value: Any, convert_text: Callable[[str], str] = lambda text: text) -> Any:
    """Return a record as JSON can hold it: named tuples as dicts, tuples as lists, and every text converted."""
    if isinstance(value, str):
        return convert_text(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {convert_text(str(key)): plain_value(inner, convert_text) for key, inner in value.items()}
    return [plain_value(inner, convert_text) for inner in value] if isinstance(value, list | tuple) else value
