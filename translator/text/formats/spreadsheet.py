"""The first sheet of an Excel workbook, read with openpyxl."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from translator.errors import DataError, MachineError
from translator.text.formats.columns import Languages
from translator.text.formats.table import Row
from translator.text.opening import explain_errors, require_bounded
from translator.text.reader import LineLimit

_HEAD_ROWS = 100  # that decide about the number of columns
_CHUNK_BYTES = 2**20
_MERGED = re.compile(rb'mergeCell ref="([A-Z]+[0-9]+:[A-Z]+[0-9]+)"')


def read_xlsx(path: Path, limit: LineLimit, languages: Languages) -> Iterator[Row]:
    """Yield the rows of the first sheet that are not blank. A cell that spans several rows is repeated in each of them."""
    try:
        import openpyxl
    except ImportError as error:
        advice = "pip install openpyxl defusedxml, or save the sheet as CSV"
        raise MachineError(str(path), "openpyxl is not installed", advice) from error
    require_bounded(path)
    with explain_errors(path):
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            with closing(book):
                sheet = book.worksheets[0]
                sheet.reset_dimensions()  # some programs write wrong ones
                spans = _spans(path, sheet._worksheet_path)
                rows, width = _equally_wide(_repeat_spans(sheet.iter_rows(values_only=True), spans))
                if width < 2 and len(book.sheetnames) > 1:
                    others = ", ".join(map(repr, book.sheetnames[1:]))
                    found = f"found fewer than two columns in the first sheet, {sheet.title!r}; others are {others}"
                    raise DataError(str(path), found, "move the sheet with the pairs to the front, or save it as CSV")
                yield from rows
        except (LookupError, ValueError, SyntaxError) as error:
            raise DataError(str(path), f"damaged spreadsheet ({error})", "save it as CSV") from error


def _spans(path: Path, sheet: str) -> dict[int, list[tuple[int, int]]]:
    """Return the merged cells that span several rows: first row -> (column, last row) of each."""
    from openpyxl.utils import range_boundaries

    spans: dict[int, list[tuple[int, int]]] = {}
    with zipfile.ZipFile(path) as archive, archive.open(sheet) as file:
        rest = b""
        for chunk in iter(partial(file.read, _CHUNK_BYTES), b""):
            text = rest + chunk
            for reference in _MERGED.findall(text):
                column, first, _, last = range_boundaries(reference.decode())
                spans.setdefault(first, []).append((column, last))
            # A reference may be cut between two chunks.
            rest = text[text.rfind(b"<") :]
    return spans


def _repeat_spans(
    rows: Iterable[Sequence[Any]], spans: dict[int, list[tuple[int, int]]]
) -> Iterator[tuple[int, list[Any]]]:
    """Yield the number and the cells of each row that is not blank."""
    repeated: dict[int, tuple[Any, int]] = {}  # column -> (value, last row)
    for number, row in enumerate(rows, 1):
        cells = [None if value is None else str(value) for value in row]
        for column, (value, last) in repeated.items():
            if number <= last:
                cells += [None] * (column - len(cells))
                cells[column - 1] = value
        for column, last in spans.get(number, ()):
            repeated[column] = (cells[column - 1] if column <= len(cells) else None), last
        if any(cells):
            yield number, cells


def _equally_wide(rows: Iterator[tuple[int, list[Any]]]) -> tuple[Iterator[Row], int]:
    """Give all rows as many cells as the widest of the first rows, and return the rows with this number.

    A later row that is wider keeps its cells.
    """
    head = [(number, _trimmed(cells)) for number, cells in islice(rows, _HEAD_ROWS)]
    width = max((len(cells) for _, cells in head), default=0)
    trimmed = ((number, _trimmed(cells)) for number, cells in chain(head, rows))
    return ((number, cells + [None] * (width - len(cells))) for number, cells in trimmed), width


def _trimmed(cells: list[Any]) -> list[Any]:
    return cells[: max((index for index, cell in enumerate(cells, 1) if cell), default=0)]
