"""Read text files as lines: cut at LF only, decoded as UTF-8 only, with the line number in every error.

Python's own line reading also cuts at CR, and `str.splitlines` at NEL and U+2028. Here they stay inside the line, except for a
CR before the LF, which is removed.

Reading takes bounded memory for any content: of a line longer than its `LineLimit` only a part is ever held. `opening.py`
decompresses files within limits.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from translator.errors import DataError
from translator.text.opening import explain_errors, looks_wide, open_binary, uncompressed_name

_BOM = b"\xef\xbb\xbf"
_EXAMINED_BYTES = 2**22  # of a file that is not UTF-8
_SKIPPED_BYTES = 2**20  # of a line that is too long, at a time
_EXTRA_BYTES = len(_BOM) + len(b"\r\n") + 1  # a BOM and a line end do not count, so read this far to judge a line


class LineLimit(NamedTuple):
    """How long a line may be, and what happens to a longer one."""

    max_bytes: int = 1_000_000  # without the line end
    skips: bool = False  # read OVERLONG in its place instead of raising DataError

    def exceeded(self, place: str) -> str:
        """Return OVERLONG if longer lines are skipped. Raises DataError otherwise."""
        if self.skips:
            return OVERLONG
        problem = f"found a line of more than {self.max_bytes:,} bytes (corpus.max_line_bytes)"
        raise DataError(place, problem, "split it")


OVERLONG = "\0 line longer than corpus.max_line_bytes"
"""Replaces a line that is too long. No other line contains NUL."""
UNLIMITED = LineLimit(2**40)
"""For files that this program wrote itself."""
_USUAL_LIMIT = LineLimit()


def read_lines(path: Path, limit: LineLimit = _USUAL_LIMIT) -> Iterator[str]:
    """Yield the lines of a text file, which may be compressed. Raises DataError if it is not text."""
    with explain_errors(path), open_text(path) as stream:
        yield from decode_lines(bounded_lines(stream.readline, limit.max_bytes), str(path), limit=limit)


def open_text(path: Path) -> BufferedReader:
    """Open a file of lines. Raises DataError if a carriage return alone ends each of them."""
    stream = open_binary(path)
    head = stream.peek()
    if head.count(b"\r") > 2 and not any(other in head for other in (b"\n", b"\0")):
        stream.close()
        advice = _conversion(str(path), "tr '\\r' '\\n' <")
        raise DataError(str(path), "has CR line ends, expected LF or CRLF", advice)
    return stream


def _conversion(file: str, command: str) -> str:
    """Return the advice to convert a file, written in full if the command can read the file as it is."""
    if Path(file).is_file() and uncompressed_name(file) == file:
        new, old = shlex.quote(file), shlex.quote(f"{file}.old")
        command = f"mv {new} {old} && {command} {old} > {new}"
    return f"convert it: {command}"


def _advice_for_bytes(file: str, content: bytes) -> str:
    """Return what to do about bytes that are not UTF-8: the file has another encoding, or some damaged lines."""
    if Path(file).is_file():
        with Path(file).open("rb") as stream:
            content += stream.read(_EXAMINED_BYTES)
    text = content.decode(errors="replace")
    num_damaged = text.count("\ufffd")
    if sum(character > "\x7f" for character in text) > 2 * num_damaged:
        return "correct the line, or leave out such bytes with iconv -c -f UTF-8 -t UTF-8"
    return f"{_conversion(file, 'iconv -f CP1252 -t UTF-8')} (or from another encoding than CP1252)"


def bounded_lines(readline: Callable[[int], bytes], max_bytes: int = _USUAL_LIMIT.max_bytes) -> Iterator[bytes]:
    """Yield lines with their ends; a line over `max_bytes` is cut, but so that `decode_lines` still sees that it is too long.

    `readline(size)` returns the rest of the line, but at most `size` bytes.
    """
    # A line of this size exceeds the limit even without its line ending.
    size = max_bytes + _EXTRA_BYTES
    for line in iter(partial(readline, size), b""):
        if len(line) == size and not line.endswith(b"\n"):
            while (rest := readline(_SKIPPED_BYTES)) and not rest.endswith(b"\n"):
                pass
        yield line


def decode_lines(raw: Iterable[bytes], file: str, first: int = 1, limit: LineLimit = _USUAL_LIMIT) -> Iterator[str]:
    """Decode lines of bytes, numbered from `first`. Raises DataError with file and line number."""
    for number, line in enumerate(raw, first):
        place, content = f"{file}:{number}", line.removesuffix(b"\n").removesuffix(b"\r")
        if number == 1:
            content = content.removeprefix(_BOM)
            if looks_wide(content):
                encoding = "UTF-32" if b"\0\0" in content[:4] else "UTF-16"
                raise DataError(place, f"looks like {encoding}", _conversion(file, f"iconv -f {encoding} -t UTF-8"))
        if len(content) > limit.max_bytes:
            yield limit.exceeded(place)
            continue
        if (nul := content.find(b"\0")) >= 0:
            raise DataError(place, f"found a NUL byte at column {nul + 1}, expected text", "remove it")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            problem = f"not UTF-8 (byte 0x{content[error.start]:02x} at column {error.start + 1})"
            raise DataError(place, problem, _advice_for_bytes(file, content)) from error
        yield text
