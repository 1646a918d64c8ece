"""Results as tables of texts and as records of numbers; `cli/tables.py` prints them, `parts.html` has them in a page."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table of texts; the first cell of each row is its heading."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""


class Results(NamedTuple):
    """The results of a command, for readers and for programs."""

    tables: Sequence[Table]
    record: Mapping[str, object]  # everything, in full precision
    systems: Sequence[Mapping[str, object]]  # the part of the record about each system, nested by name
    headline: str = ""
    notes: Sequence[str] = ()  # a line each


def number(value: float | None, decimals: int) -> str:
    """Return the value with this many decimals, or a dash for None."""
    return "-" if value is None else f"{value:.{decimals}f}"
