"""Bytes to lines, strictly: cut at LF only, UTF-8 only, and the line number in every error.

Python's own line reading disagrees with itself about CR, NEL and U+2028; here they stay inside a line (but a CR before LF goes).
"""

import errno
import gzip
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from translator.errors import DataError, MachineError

BOM = b"\xef\xbb\xbf"
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
BLOCK_BYTES = 2**22
NOT_OF_THE_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, gzipped where the name ends in .gz. Raises DataError for whatever is no such file."""
    with reading(path), open_binary(path) as stream:
        yield from decode_lines(stream, str(path))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a file refuses inside the block, as a DataError; what the machine refuses, as a MachineError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(str(path), f"damaged gzip file ({error})", "copy it again") from error
    except OSError as error:
        if error.errno in NOT_OF_THE_FILE:
            raise MachineError(
                str(path), f"cannot be read ({error.strerror})", "mend that and give the command again"
            ) from error
        raise DataError(str(path), f"cannot be read ({error.strerror})", "check its permissions") from error


def open_binary(path: Path) -> BufferedReader:
    """The file's bytes; a .gz that is none is read as it is."""
    if not path.exists():
        raise DataError(str(path), "no such file", "check the name")
    if not path.is_file():
        raise DataError(str(path), "is not a regular file", "give a text file")
    with path.open("rb") as file:
        is_gzip = path.suffix == ".gz" and file.read(2) == b"\x1f\x8b"
    return BufferedReader(gzip.open(path, "rb")) if is_gzip else path.open("rb")  # by itself, gzip is slow at lines


class BlockReader:
    """A text file, as `read_lines` reads it, by thousands of lines at a time and NFC-normalised."""

    def __init__(self, path: Path) -> None:
        self.path, self.num_lines = path, 0
        self.waiting: list[str] = []
        with reading(path):
            self.stream = open_binary(path)

    def read(self, num_lines: int | None = None) -> list[str]:
        """The next so many lines, or about BLOCK_BYTES of them; fewer at the end of the file."""
        while len(self.waiting) < (num_lines or 1) and (more := self.read_on()):
            self.waiting += more
        lines, self.waiting = self.waiting[:num_lines], self.waiting[num_lines:] if num_lines else []
        self.num_lines += len(lines)
        return lines

    def read_on(self) -> list[str]:
        """The next lines of the file."""
        with reading(self.path):
            raw = self.stream.read(BLOCK_BYTES) + self.stream.readline()
        if not raw:
            return []
        first, whole = self.num_lines + len(self.waiting) + 1, raw.removesuffix(b"\n")
        try:
            if first == 1 or b"\0" in whole:
                raise ValueError("each line is looked at by itself")
            if b"\r" in whole:
                whole = whole.replace(b"\r\n", b"\n").removesuffix(b"\r")
            text = whole.decode()
        except ValueError:
            text = "\n".join(decode_lines(whole.split(b"\n"), str(self.path), first))
        return unicodedata.normalize("NFC", text).split("\n")

    def close(self) -> None:
        """Close the file."""
        self.stream.close()


def decode_lines(raw: Iterable[bytes], place: str, first: int = 1) -> Iterator[str]:
    """Lines of bytes, of which `first` is the number of the first, as text. Raises DataError naming place and line."""
    for number, line in enumerate(raw, first):
        content = line.removeprefix(BOM) if number == 1 else line
        yield decode_line(content.removesuffix(b"\n").removesuffix(b"\r"), f"{place}:{number}", is_first=number == 1)


def decode_line(line: bytes, place: str, *, is_first: bool) -> str:
    """One line as text."""
    if is_first and (line.startswith(WIDE_BOMS) or b"\0\0" in (line[1:4:2], line[:3:2])):
        found = "UTF-32" if b"\0\0" in line[:4] else "UTF-16"
        raise DataError(place, f"looks like {found}", f"convert the file with iconv -f {found} -t UTF-8")
    if (nul := line.find(b"\0")) >= 0:
        raise DataError(place, f"a NUL byte at column {nul + 1}", "remove it; text files have none")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})"
        raise DataError(place, found, "convert the file with iconv") from error
