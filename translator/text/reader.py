"""Read text files as lines: cut at LF only, decoded as UTF-8 only, with the line number in every error.

Python's own line reading also cuts at CR, and `str.splitlines` at NEL and U+2028. Here they stay inside the line, except for a
CR before the LF, which is removed.

Reading takes bounded memory for any content: of a line longer than its `LineLimit` only a part is ever
held, and a gzipped file may not expand to much more than text does.
"""

import errno
import gzip
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from translator.errors import DataError, MachineError

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # UTF-16 and UTF-32
_BLOCK_BYTES = 2**22
_GZIP_BUFFER_BYTES = 2**17  # GzipFile is slow at lines and at small reads
_SKIPPED_BYTES = 2**20  # of a line that is too long, at a time
_EXTRA_BYTES = len(_BOM) + len(b"\r\n") + 1  # a BOM and a line end do not count, so read this far to judge a line
MAX_EXPANSION = 20
"""How many times larger than its gzipped file a text may be. Usual are 3 to 5, and about 10 for repetitive text."""
MIN_EXPANDED_BYTES = 2**25
"""A gzipped file may always expand to this size, so that short texts may be repetitive."""
MAX_EXPANDED_BYTES = 10**11
"""No gzipped file may expand to more. 5 million pairs are about 10**9 bytes."""
GZIP_LIMITS = (
    f"a gzipped file (.gz) may expand {MAX_EXPANSION}-fold, or to {MIN_EXPANDED_BYTES / 1e6:.0f} MB if that is more, "
    f"but not to more than {MAX_EXPANDED_BYTES / 1e9:.0f} GB"
)
_MACHINE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)


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
    """Yield the lines of a text file, which may be gzipped if its name ends in .gz. Raises DataError if it is not text."""
    with _explain_errors(path), _open_binary(path) as stream:
        yield from decode_lines(bounded_lines(stream.readline, limit.max_bytes), str(path), limit=limit)


def bounded_lines(readline: Callable[[int], bytes], max_bytes: int = _USUAL_LIMIT.max_bytes) -> Iterator[bytes]:
    """Yield lines with their ends; of a line over `max_bytes`, only as much as `decode_lines` needs to see that.

    `readline(size)` returns the rest of the line, but at most `size` bytes.
    """
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
            # Every second byte of ASCII text in UTF-16 is NUL, and so are three out of four in UTF-32.
            if content.startswith(_WIDE_BOMS) or b"\0\0" in (content[1:4:2], content[:3:2]):
                encoding = "UTF-32" if b"\0\0" in content[:4] else "UTF-16"
                advice = f"convert the file with iconv -f {encoding} -t UTF-8"
                raise DataError(place, f"looks like {encoding}", advice)
        if len(content) > limit.max_bytes:
            yield limit.exceeded(place)
            continue
        if (nul := content.find(b"\0")) >= 0:
            raise DataError(place, f"found a NUL byte at column {nul + 1}, expected text", "remove it")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            problem = f"not UTF-8 (byte 0x{content[error.start]:02x} at column {error.start + 1})"
            raise DataError(place, problem, "convert the file with iconv") from error
        yield text


class BlockReader:
    """Reads the same lines as `read_lines`, about 4 MB at a time and NFC-normalised."""

    def __init__(self, path: Path, limit: LineLimit = _USUAL_LIMIT) -> None:
        self.path, self.limit, self.num_lines = path, limit, 0
        self._waiting: list[str] = []
        with _explain_errors(path):
            self._stream = _open_binary(path)

    def fill(self) -> int:
        """Read lines if none are waiting to be taken. Returns how many are waiting: 0 at the end of the file."""
        if self._waiting:
            return len(self._waiting)
        with _explain_errors(self.path):
            raw = self._stream.read(_BLOCK_BYTES)
            raw += next(bounded_lines(self._stream.readline, self.limit.max_bytes), b"")
        if not raw:
            return 0
        first, content = self.num_lines + 1, raw.removesuffix(b"\n")
        # Decode the whole block if possible; line by line for a file's first line, which may have a BOM, and to locate errors.
        try:
            if first == 1 or b"\0" in content or _has_longer_line(content, self.limit.max_bytes):
                raise ValueError("decode line by line")
            if b"\r" in content:
                content = content.replace(b"\r\n", b"\n").removesuffix(b"\r")
            text = content.decode()
        except ValueError:
            text = "\n".join(decode_lines(content.split(b"\n"), str(self.path), first, self.limit))
        self._waiting = unicodedata.normalize("NFC", text).split("\n")
        return len(self._waiting)

    def take(self, num_lines: int | None = None) -> list[str]:
        """Return the next `num_lines` of the lines that are waiting, by default all of them."""
        lines, self._waiting = self._waiting[:num_lines], self._waiting[num_lines:] if num_lines else []
        self.num_lines += len(lines)
        return lines

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _has_longer_line(content: bytes, max_bytes: int) -> bool:
    """Return whether a line has more than `max_bytes`.

    Jumps from each line feed to the last one within `max_bytes`, so a few searches cover a whole block.
    """
    start = 0
    while len(content) - start > max_bytes:
        start = content.rfind(b"\n", start, start + max_bytes + 1) + 1
        if not start:  # not found
            return True
    return False


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
    return BufferedReader(_GzippedText(path), _GZIP_BUFFER_BYTES) if is_gzip else path.open("rb")


class _GzippedText(gzip.GzipFile):
    """A gzipped file. Raises DataError once it has expanded to more than text would."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._max_bytes = min(max(MAX_EXPANSION * path.stat().st_size, MIN_EXPANDED_BYTES), MAX_EXPANDED_BYTES)

    def read(self, size: int | None = -1) -> bytes:
        """Read decompressed bytes; `BufferedReader` calls this with the number of bytes that it has room for."""
        content = super().read(size)
        if self.tell() > self._max_bytes:
            found = f"expands to more than {self._max_bytes / 1e6:,.0f} MB, which is too much for a text of its size"
            raise DataError(str(self._path), found, "if this is intended, decompress it with gunzip")
        return content
