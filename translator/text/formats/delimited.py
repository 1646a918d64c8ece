"""Rows of fields separated by tabs, commas, semicolons or bars."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from translator.errors import DataError
from translator.text.formats.columns import Languages
from translator.text.formats.table import Row
from translator.text.reader import OVERLONG, LineLimit, read_lines

_DELIMITERS = "\t;,|"
_HEAD_LINES = 200  # that decide about the delimiter


def read_tsv(path: Path, limit: LineLimit, languages: Languages) -> Iterator[Row]:
    """Yield the fields between tabs. Quotes and the word NA have no special meaning."""
    for number, line in enumerate(read_lines(path, limit), 1):
        yield number, None if line is OVERLONG else line.split("\t")


def read_csv(path: Path, limit: LineLimit, languages: Languages) -> Iterator[Row]:
    """Yield fields separated by commas, semicolons, tabs or bars; a field in quotes may contain any of them, and line ends.

    Raises DataError if no delimiter divides most lines into the same number of fields, or for a quote that is not closed.
    """
    lines = read_lines(path, limit)
    head = list(islice(lines, _HEAD_LINES))
    delimiter, share = find_delimiter(head)
    if head and share < 0.5:
        found = "found no comma, semicolon, tab or bar that divides the lines into columns"
        raise DataError(str(path), found, "save it as UTF-8 text with tabs (corpus.format=tsv)")
    csv.field_size_limit(max(limit.max_bytes, len(OVERLONG)))  # holds for all readers of this process
    reader = csv.reader((f"{line}\n" for line in chain(head, lines)), delimiter=delimiter, strict=True)
    first = 1
    try:
        for fields in reader:
            if delimiter == "|":  # usually written with spaces around it
                fields = [field.strip() for field in fields]
            yield first, None if any(OVERLONG in field for field in fields) else fields
            first = reader.line_num + 1
    except csv.Error as error:
        advice = "double a quote inside a field and close each quote, or use tabs (corpus.format=tsv)"
        raise DataError(f"{path}:{first}", f"not CSV ({error})", advice) from error


def find_delimiter(lines: Sequence[str]) -> tuple[str, float]:
    """Return the delimiter that divides most rows into the same number of fields, and the share of those rows."""
    usual_limit = csv.field_size_limit(sum(map(len, lines), 1))
    shares = []
    for delimiter in _DELIMITERS:
        widths = Counter[int]()
        try:
            for fields in csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True):
                widths[len(fields)] += 1
        except csv.Error:  # a field that continues after these lines, or quotes that mean something else
            widths[1] += 1
        most = max((count for width, count in widths.items() if width > 1), default=0)
        shares.append(most / max(widths.total(), 1))
    csv.field_size_limit(usual_limit)
    best = max(range(len(_DELIMITERS)), key=shares.__getitem__)
    return _DELIMITERS[best], shares[best]
