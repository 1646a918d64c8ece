"""Bytes to lines, strictly: cut at LF only, UTF-8 only, and the line number in every error.

Python's own line reading disagrees with itself about CR, NEL and U+2028; here they stay inside a line (but a CR before LF goes).
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from translator.errors import DataError

BOM = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, gzipped where the name ends in .gz. Raises DataError for whatever is no such file."""
    if not path.exists():
        raise DataError(str(path), "no such file", "check the name")
    if not path.is_file():
        raise DataError(str(path), "is not a regular file", "give a text file")
    try:
        with open_binary(path) as stream:
            yield from decode_lines(stream, str(path))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(str(path), f"damaged gzip file ({error})", "copy it again") from error
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "check its permissions") from error


def open_binary(path: Path) -> BinaryIO | gzip.GzipFile:
    """The file's bytes; a .gz that is none is read as it is."""
    with path.open("rb") as file:
        is_gzip = path.suffix == ".gz" and file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_gzip else path.open("rb")


def decode_lines(stream: BinaryIO | IO[bytes] | io.BufferedIOBase, place: str) -> Iterator[str]:
    """The lines of a binary stream. Raises DataError naming place and line."""
    for number, line in enumerate(stream, 1):
        content = line.removeprefix(BOM) if number == 1 else line
        yield decode_line(content.removesuffix(b"\n").removesuffix(b"\r"), f"{place}:{number}", is_first=number == 1)


def decode_line(line: bytes, place: str, *, is_first: bool) -> str:
    """One line as text."""
    if is_first and (line.startswith((b"\xff\xfe", b"\xfe\xff")) or line[1:4:2] == b"\0\0"):
        raise DataError(place, "looks like UTF-16", "convert the file with iconv -f UTF-16 -t UTF-8")
    if (nul := line.find(b"\0")) >= 0:
        raise DataError(place, f"a NUL byte at column {nul + 1}", "remove it; text files have none")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})"
        raise DataError(place, found, "convert the file with iconv") from error
