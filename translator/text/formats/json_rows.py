"""JSON: one object per line, or one array of objects. Instead of objects, rows may be arrays of fields."""

import codecs
import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from translator.errors import DataError
from translator.text.formats.columns import Languages
from translator.text.formats.table import Row, unnested
from translator.text.opening import explain_errors, open_binary
from translator.text.reader import OVERLONG, LineLimit, read_lines

_ARRAY = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*[\[{]")
_CHUNK_BYTES = 2**16
_OPENING, _BETWEEN = re.compile(r"\s*\[\s*"), re.compile(r"[\s,]*")


def read_json(path: Path, limit: LineLimit, languages: Languages) -> Iterator[Row]:
    """Yield the rows. The pair may be nested, as in {"translation": {"en": ..., "de": ...}}."""
    with explain_errors(path), open_binary(path) as stream:
        is_array = bool(_ARRAY.match(stream.peek(_CHUNK_BYTES)))
    for line, row in (_read_array if is_array else _read_lines)(path, limit):
        row = unnested(row)
        if row is not None and not isinstance(row, dict | list):
            found = f'found {type(row).__name__}, expected an object such as {{"en": ..., "de": ...}}'
            raise DataError(f"{path}:{line}", found, "correct the row")
        yield line, row


def _read_lines(path: Path, limit: LineLimit) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(read_lines(path, limit), 1):
        if line is OVERLONG:
            yield number, None
            continue
        try:
            yield number, json.loads(line) if line.strip() else []
        except (ValueError, RecursionError) as error:
            raise _not_json(path, number, error) from error


def _read_array(path: Path, limit: LineLimit) -> Iterator[tuple[int, Any]]:
    """Yield the elements of an array, with only one of them in memory at a time."""
    decoder, max_characters = json.JSONDecoder(), 4 * limit.max_bytes + _CHUNK_BYTES
    with explain_errors(path), open_binary(path) as stream:
        chunks = codecs.iterdecode(iter(partial(stream.read, _CHUNK_BYTES), b""), "utf-8-sig")
        text, place, line, separator = next(chunks), 0, 1, _OPENING
        while True:
            if gap := separator.match(text, place):
                line, place, separator = line + text.count("\n", place, gap.end()), gap.end(), _BETWEEN
            try:
                row, end = decoder.raw_decode(text, place)
            except (ValueError, RecursionError) as error:
                if text.startswith("]", place):
                    break
                # The element may go on in the next chunk.
                chunk = next(chunks, "")
                if not chunk or isinstance(error, RecursionError):
                    raise _not_json(path, line, error) from error
                if len(text) - place > max_characters:
                    problem = f"found an element of more than {max_characters:,} characters (corpus.max_line_bytes)"
                    advice = "write one object on each line; training then skips long lines"
                    raise DataError(f"{path}:{line}", problem, advice) from error
                text, place = text[place:] + chunk, 0
                continue
            yield line, row
            line, place = line + text.count("\n", place, end), end
        if any(map(str.strip, chain([text[place + 1 :]], chunks))):
            raise _not_json(path, line, ValueError("text after the end of the array"))


def _not_json(path: Path, line: int, error: Exception) -> DataError:
    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return DataError(f"{path}:{line}", f"not JSON ({reason})", "write one object on each line, or one array of objects")
