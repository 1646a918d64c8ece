"""From the rows of a file to aligned pairs: find the header, choose the columns, clean the text, collect blocks."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from translator.errors import DataError
from translator.text.corpus import Block, Stream
from translator.text.formats.columns import Column, Key, Languages, choose_columns, is_header
from translator.text.language_names import language_of
from translator.text.nfc import nfc
from translator.text.reader import OVERLONG, LineLimit

Fields: TypeAlias = Sequence[Any] | dict[str, Any]
Row: TypeAlias = tuple[int, Fields | None]
"""A line number, and the fields of the row that starts there; None if the row is too long."""
Reader: TypeAlias = Callable[[Path, LineLimit, Languages], Iterator[Row]]
"""Yields the rows of a file. Most readers do not need the languages."""

_BLOCK_ROWS = 10_000
_BLOCK_CHARACTERS = 2**22
_MAX_LISTED = 10
_HEAD_ROWS, _HEAD_CHARACTERS = 1000, 2**22  # that decide about the header and the columns


class Layout(NamedTuple):
    """What is known about a table before it is read."""

    languages: Languages
    columns: tuple[Key, Key] | None = None
    header: bool | Literal["auto"] = "auto"
    limit: LineLimit = LineLimit()


def open_table(rows: Iterator[Row], place: str, layout: Layout) -> Stream:
    """Return the pairs of a table. Raises DataError unless it is certain which columns hold them."""
    head = _read_head(rows)
    header = _find_header(head, layout)
    columns = columns_of(head, header)
    first = f"{place}:{head[0][0] if head else 1}"
    if not columns:
        raise DataError(place, "found no text, expected a sentence on each line", "check the file")
    if len(columns) == 1:
        name = f" ({columns[0].name})" if columns[0].name else ""
        raise DataError(first, f"found 1 field{name}, expected 2", "each row must have a source and a target")
    source, target = choose_columns(columns, layout.languages, layout.columns, first)
    notices = [f"{place}: source = column {source.label}, target = column {target.label}"]
    if header:
        listed = ", ".join(map(repr, _fields(header)))
        notices.append(f"{place}:{header[0]}: left out the header {listed}; corpus.header=false reads it as a pair")
        head.remove(header)
    pairs = _Pairs(place, columns, (source, target), layout.limit)
    blocks = blocks_of(pairs.read(chain(head, rows)))
    return Stream(blocks, (place, place), notices=tuple(notices), line_of=pairs.line_of)


def _read_head(rows: Iterator[Row]) -> list[Row]:
    """Read enough rows to decide about the header and the columns."""
    head, num_characters = list[Row](), 0
    for row in rows:
        head.append(row)
        num_characters += sum(map(len, map(as_text, _fields(row))))
        if len(head) == _HEAD_ROWS or num_characters > _HEAD_CHARACTERS:
            break
    return head


def _find_header(head: Sequence[Row], layout: Layout) -> Row | None:
    """Return the row of the column names, or None if there is none: the first row that has more than one field."""
    filled = [row for row in head if isinstance(row[1], list) and sum(map(bool, row[1])) > 1]
    if not filled or layout.header is False:
        return None
    names = list(map(as_text, _fields(filled[0])))
    columns = [column.texts for column in columns_of(filled[1:])]
    if not any(chain.from_iterable(columns[len(names) :])):  # the rows end with a delimiter, the names do not
        columns = columns[: len(names)]
    is_found = layout.header is True or (len(columns) == len(names) and is_header(names, columns, layout.languages))
    return filled[0] if is_found else None


def columns_of(rows: Sequence[Row], header: Row | None = None) -> list[Column]:
    """Return the columns of some rows; the names are those of the header, or the keys of the rows."""
    filled = [fields for row in rows if row is not header and (fields := row[1])]
    if not filled:
        return []
    if isinstance(filled[0], dict):
        keys = dict.fromkeys(chain.from_iterable(filled))
        records = [fields for fields in filled if isinstance(fields, dict)]
        return [Column(n, key, [as_text(record.get(key)) for record in records]) for n, key in enumerate(keys, 1)]
    # Rows of another width are reported with their lines when they are read.
    width = Counter(map(len, filled)).most_common(1)[0][0]
    names = list(map(as_text, _fields(header))) if header else []
    texts = zip(*([as_text(field) for field in fields] for fields in filled if len(fields) == width), strict=True)
    return [Column(n, (names[n - 1 : n] or [""])[0].strip() or None, text) for n, text in enumerate(texts, 1)]


def _fields(row: Row) -> list[Any]:
    return list(row[1].values()) if isinstance(row[1], dict) else list(row[1] or ())


def unnested(row: Any) -> Any:
    """Return the pair inside a row such as {"translation": {"en": ..., "de": ...}}; other rows as they are."""
    inner = row.get("translation") if isinstance(row, dict) else None
    return inner if isinstance(inner, dict) else row


def as_text(field: Any) -> str:
    """Return a field as text; null is empty."""
    return "" if field is None else str(field)


def named_languages(rows: Iterator[Row], place: str, layout: Layout) -> list[str]:
    """Return the languages that the given columns, or all, are named after, in their order."""
    head = _read_head(rows)
    columns = columns_of(head, _find_header(head, layout))
    if layout.columns:
        columns = list(choose_columns(columns, layout.languages, layout.columns, place))
    return list(dict.fromkeys(tag for column in columns if column.name and (tag := language_of(column.name))))


class _Pairs:
    """Picks the two columns of each row, and remembers the line numbers of the pairs."""

    def __init__(self, place: str, columns: Sequence[Column], pair: tuple[Column, Column], limit: LineLimit) -> None:
        self.place, self.limit, self._columns, self._pair = place, limit, columns, pair
        # Lines and pairs advance together except after headers and in rows of several lines: only the jumps are stored.
        self._first, self._offset = array("q", [0]), array("q", [1])

    def line_of(self, index: int) -> int:
        """Return the line in which a pair starts; `index` counts from 0."""
        return index + self._offset[bisect_right(self._first, index) - 1]

    def read(self, rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
        """Yield source and target of each row. Raises DataError for a row that does not have both."""
        names = [column.name for column in self._pair]
        by_name = itemgetter(*names)
        by_number = itemgetter(*(column.number - 1 for column in self._pair))
        for index, (line, fields) in enumerate(rows):
            if line - index != self._offset[-1]:
                self._first.append(index)
                self._offset.append(line - index)
            if fields is None:
                yield OVERLONG, OVERLONG
                continue
            try:
                if isinstance(fields, dict):
                    source, target = by_name(fields)
                elif len(fields) == len(self._columns):
                    source, target = by_number(fields)
                elif not any(fields):  # a blank line
                    source = target = ""
                else:
                    raise IndexError
            except LookupError:
                raise self._wrong_row(line, fields) from None
            yield self._clean(source, line, fields), self._clean(target, line, fields)

    def _clean(self, text: Any, line: int, fields: Fields) -> str:
        """Return a field as one line of text. Raises DataError if it is not text."""
        place = f"{self.place}:{line}"
        if text is None:
            return ""
        if not isinstance(text, str):
            raise self._wrong_row(line, fields)
        if "\n" in text:
            text = text.replace("\r\n", " ").replace("\n", " ")
        if "\0" in text:
            raise DataError(place, "found a NUL character, expected text", "remove it")
        try:
            num_bytes = len(text) if text.isascii() else len(text.encode())
        except UnicodeEncodeError as error:
            found = "found half of a surrogate pair, expected text"
            raise DataError(place, found, "write the character itself") from error
        return text if num_bytes <= self.limit.max_bytes else self.limit.exceeded(place)

    def _wrong_row(self, line: int, fields: Fields) -> DataError:
        place, names = f"{self.place}:{line}", [str(column.name) for column in self._pair]
        if isinstance(fields, dict):
            name = next((name for name in names if not isinstance(fields.get(name, ""), str | None)), None)
            found = f"found fields {', '.join(islice(fields, _MAX_LISTED))}, expected {' and '.join(map(repr, names))}"
            if name is not None:
                found = f"found {type(fields[name]).__name__} in field {name!r}, expected text"
            return DataError(place, found, "correct the row, or set corpus.columns (--columns)")
        found = f"found {len(fields)} field{'' if len(fields) == 1 else 's'}, expected {len(self._columns)}"
        return DataError(place, found, "correct the row")


def blocks_of(pairs: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Collect pairs into blocks, which are smaller if the pairs are long."""
    source, target, num_characters = list[str](), list[str](), 0
    for pair in pairs:
        for side, text in zip((source, target), pair, strict=True):
            side.append(nfc(text.removesuffix("\r")))
            num_characters += len(text)
        if len(source) == _BLOCK_ROWS or num_characters > _BLOCK_CHARACTERS:
            yield Block.of(source, target)
            source, target, num_characters = [], [], 0
    if source:
        yield Block.of(source, target)
