"""Read text files as lines: cut at LF only, decoded as UTF-8 only, with the line number in every error.

Python's own line reading also cuts at CR, and `str.splitlines` at NEL and U+2028. Here they stay inside the line, except for a
CR before the LF, which is removed.
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

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # UTF-16 and UTF-32
_BLOCK_BYTES = 2**22
_MACHINE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, which may be gzipped if its name ends in .gz. Raises DataError if it is not text."""
    with _explain_errors(path), _open_binary(path) as stream:
        yield from decode_lines(stream, str(path))


def decode_lines(raw: Iterable[bytes], place: str, first: int = 1) -> Iterator[str]:
    """Decode lines of bytes, numbered from `first`. Raises DataError with place and line number."""
    for number, line in enumerate(raw, first):
        content = line.removeprefix(_BOM) if number == 1 else line
        yield _decode_line(content.removesuffix(b"\n").removesuffix(b"\r"), f"{place}:{number}", is_first=number == 1)


class BlockReader:
    """Reads the same lines as `read_lines`, thousands at a time and NFC-normalised."""

    def __init__(self, path: Path) -> None:
        self.path, self.num_lines = path, 0
        self._waiting: list[str] = []
        with _explain_errors(path):
            self._stream = _open_binary(path)

    def read(self, num_lines: int | None = None) -> list[str]:
        """Return the next `num_lines` lines, or by default about 4 MB of lines. Returns fewer at the end of the file."""
        while len(self._waiting) < (num_lines or 1) and (more := self._read_block()):
            self._waiting += more
        lines, self._waiting = self._waiting[:num_lines], self._waiting[num_lines:] if num_lines else []
        self.num_lines += len(lines)
        return lines

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _read_block(self) -> list[str]:
        with _explain_errors(self.path):
            raw = self._stream.read(_BLOCK_BYTES) + self._stream.readline()
        if not raw:
            return []
        first, content = self.num_lines + len(self._waiting) + 1, raw.removesuffix(b"\n")
        # Decode the block as a whole if possible. A file's first line may need a closer look, and errors need a line number.
        try:
            if first == 1 or b"\0" in content:
                raise ValueError("decode line by line")
            if b"\r" in content:
                content = content.replace(b"\r\n", b"\n").removesuffix(b"\r")
            text = content.decode()
        except ValueError:
            text = "\n".join(decode_lines(content.split(b"\n"), str(self.path), first))
        return unicodedata.normalize("NFC", text).split("\n")


@contextmanager
def _explain_errors(path: Path) -> Iterator[None]:
    """Turn errors about the file into a DataError, and errors of the machine into a MachineError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(str(path), f"damaged gzip file ({error})", "copy it again") from error
    except OSError as error:
        found = f"cannot be read ({error.strerror})"
        if error.errno in _MACHINE_ERRNOS:
            raise MachineError(str(path), found, "this is not a problem of the file; run the command again") from error
        raise DataError(str(path), found, "check its permissions") from error


def _open_binary(path: Path) -> BufferedReader:
    """Open the file, decompressing it if its name ends in .gz and its content is gzipped."""
    if not path.exists():
        raise DataError(str(path), "no such file", "check the name")
    if not path.is_file():
        raise DataError(str(path), "not a regular file", "give a text file")
    with path.open("rb") as file:
        is_gzip = path.suffix == ".gz" and file.read(2) == b"\x1f\x8b"
    return BufferedReader(gzip.open(path, "rb")) if is_gzip else path.open("rb")  # unbuffered gzip is slow at lines


def _decode_line(line: bytes, place: str, *, is_first: bool) -> str:
    # Every second byte of ASCII text in UTF-16 is NUL, and so are three out of four in UTF-32.
    if is_first and (line.startswith(_WIDE_BOMS) or b"\0\0" in (line[1:4:2], line[:3:2])):
        encoding = "UTF-32" if b"\0\0" in line[:4] else "UTF-16"
        raise DataError(place, f"looks like {encoding}", f"convert the file with iconv -f {encoding} -t UTF-8")
    if (nul := line.find(b"\0")) >= 0:
        raise DataError(place, f"found a NUL byte at column {nul + 1}, expected text", "remove it")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})"
        raise DataError(place, found, "convert the file with iconv") from error
