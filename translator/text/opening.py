"""Open files as streams of bytes: decompressed if their first bytes say so, also inside a zip archive, within limits.

A path may lead into an archive as into a folder: `corpus.zip/train.en`. A file in a known format that is not text is an
error that names the format and a command that converts it.
"""

import bz2
import codecs
import errno
import gzip
import io
import lzma
import shlex
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from translator.errors import DataError, MachineError
from translator.text.nearby import advice_for_missing

MAX_EXPANSION = 20
"""How many times larger than its compressed file a text may be. Usual are 3 to 5, and about 10 for repetitive text."""
MIN_EXPANDED_BYTES = 2**25
"""A compressed file may always expand to this size, so that short texts may be repetitive."""
MAX_EXPANDED_BYTES = 10**11
"""No compressed file may expand to more. 5 million pairs are about 10**9 bytes."""
EXPANSION_LIMITS = (
    f"a compressed file may expand {MAX_EXPANSION}-fold, or to {MIN_EXPANDED_BYTES / 1e6:.0f} MB if that is more, "
    f"but not to more than {MAX_EXPANDED_BYTES / 1e9:.0f} GB"
)
COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""Usual ends of names. What counts is the content of a file."""
_BUFFER_BYTES = 2**17  # decompressors are slow at lines and at small reads
_MAX_MEMORY_BYTES = 2**28
"""What decompressing a file may take; files made with the usual options take at most 128 MB."""
_MACHINE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)


class _Signature(NamedTuple):
    """A format that is recognised by some bytes of a file, and the command that converts or unpacks it.

    FILE in the command stands for the file; without it, the file follows.
    """

    name: str
    magic: bytes
    command: str
    start: int = 0  # of the bytes in the file
    decompress: Callable[[BufferedReader], Any] | None = None


def _open_zstd(file: BufferedReader) -> Any:
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")


def _open_xz(file: BufferedReader) -> lzma.LZMAFile:
    lzma.LZMADecompressor(memlimit=_MAX_MEMORY_BYTES).decompress(file.peek(), max_length=1)  # raises LZMAError
    return lzma.LZMAFile(file)


_COMPRESSED = (
    _Signature("gzip", b"\x1f\x8b", "gunzip", decompress=lambda file: gzip.GzipFile(fileobj=file)),
    _Signature("bzip2", b"1AY&SY", "bunzip2", 4, bz2.BZ2File),
    _Signature("xz", b"\xfd7zXZ\0", "unxz", decompress=_open_xz),
    _Signature("zstd", b"\x28\xb5\x2f\xfd", "unzstd --long=31", decompress=_open_zstd),
)
_TO_TEXT = "soffice --convert-to 'txt:Text (encoded):UTF8'"
_ARROW_TO_PARQUET = (
    "python -c 'import sys, pyarrow.feather as f, pyarrow.parquet as p; p.write_table(f.read_table(sys.argv[1]), sys.argv[2])' "
    "FILE FILE.parquet"
)
_DOCUMENTS = (".doc", ".docx", ".odt", ".rtf")
_UNREADABLE = (
    _Signature("a tar archive", b"ustar", "tar -xf", 257),
    _Signature("a 7-Zip archive", b"7z\xbc\xaf\x27\x1c", "7z x"),
    _Signature("a RAR archive", b"Rar!\x1a\x07", "unrar x"),
    _Signature("a document of an old Office format", b"\xd0\xcf\x11\xe0", "soffice --convert-to xlsx"),
    _Signature("a PDF document", b"%PDF-", "pdftotext"),
    _Signature("an RTF document", b"{\\rtf", _TO_TEXT),
    _Signature(
        "an SQLite database", b"SQLite format 3\0", "sqlite3 -csv -header FILE 'SELECT * FROM TABLE' > FILE.csv"
    ),
    _Signature("an Arrow file", b"ARROW1\0\0", _ARROW_TO_PARQUET),
    _Signature("an LZMA file", b"\x5d\0\0", "unlzma"),
    _Signature("an LZ4 file", b"\x04\x22\x4d\x18", "unlz4"),
    _Signature("a file compressed by `compress`", b"\x1f\x9d", "uncompress"),
)
_ZIP_MAGIC = b"PK\x03\x04"
_ZIP_KINDS = {
    "xl/workbook.xml": ("an Excel spreadsheet", "soffice --convert-to 'csv:Text - txt - csv (StarCalc):44,34,76'"),
    "word/document.xml": ("a Word document", _TO_TEXT),
    "content.xml": ("an OpenDocument file", "soffice --convert-to xlsx"),
    "": ("a zip archive", "unzip"),
}
"""What a zip archive is, by a file inside."""
_CONTROL_BYTES = bytes({*range(32)} - set(b"\t\n\v\f\r\x1b"))
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # UTF-16 and UTF-32


def open_binary(path: Path) -> BufferedReader:
    """Open a file and decompress it if it is compressed.

    Raises DataError if there is no such file or if its format is known and not text. Reading raises DataError if the file
    is damaged or expands too much.
    """
    stream, num_bytes = _open_raw(path)
    try:
        for name, magic, command, start, decompress in _COMPRESSED:
            if decompress and stream.peek(start + len(magic)).startswith(magic, start):
                try:
                    opened = decompress(stream)
                except lzma.LZMAError as error:
                    raise _damaged(path, name, command, error) from error
                expanding = _Expanding(path, name, command, num_bytes, (opened, stream))
                stream = BufferedReader(expanding, _BUFFER_BYTES)
                break
        _require_readable(path, stream.peek(512))
    except BaseException:
        stream.close()
        raise
    return stream


def _require_readable(path: Path, head: bytes) -> None:
    """Raise DataError if a file that starts with these bytes is in a known format that is not text."""
    known = next((signature for signature in _UNREADABLE if head.startswith(signature.magic, signature.start)), None)
    if known or head.startswith(_ZIP_MAGIC):
        name, command = (known.name, known.command) if known else _ZIP_KINDS[kind_of_zip(path)]
        command = _TO_TEXT if path.suffix.lower() in _DOCUMENTS else command
        command = command if "FILE" in command else f"{command} FILE"
        advice = f"convert it: {command.replace('FILE', shlex.quote(str(path)))}"
        raise DataError(str(path), f"is {name}, expected text", advice)
    num_control = len(head) - len(head.translate(None, _CONTROL_BYTES))
    is_text = head.count(b"\0") < 3 and _is_utf8(head)
    if num_control > len(head) / 10 and not is_text and not looks_wide(head):
        raise DataError(str(path), "is a binary file, expected text", "export it as text, such as CSV")


def _is_utf8(head: bytes) -> bool:
    """Return whether these bytes are UTF-8, but for a character that may be cut at the end."""
    try:
        # An incremental decoder waits for the rest of a character.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def looks_wide(head: bytes) -> bool:
    """Return whether text that starts with these bytes is in UTF-16 or UTF-32.

    Every second byte of ASCII text in UTF-16 is NUL, and so are three out of four in UTF-32.
    """
    return head.startswith(_WIDE_BOMS) or b"\0\0" in (head[1:4:2], head[:3:2])


def is_archive(path: Path) -> bool:
    """Return whether there is a zip archive, of any kind, at the path."""
    return path.is_file() and zipfile.is_zipfile(path)


def kind_of_zip(path: Path) -> str:
    """Return the name of the file that identifies the kind of a zip archive: a key of `_ZIP_KINDS`, "" for a plain archive."""
    names = file_names(path) if is_archive(path) else []
    return next((name for name in _ZIP_KINDS if name in names), "")


def file_names(archive: Path) -> list[str]:
    """Return the names of the files in a zip archive. Raises DataError if it is damaged."""
    with explain_errors(archive), zipfile.ZipFile(archive) as opened:
        return [info.filename for info in opened.infolist() if not info.is_dir()]


def uncompressed_name(name: str) -> str:
    """Return the name of a file without the suffix of its compression."""
    return name.removesuffix(next(filter(name.endswith, COMPRESSED_SUFFIXES), ""))


def is_there(path: Path) -> bool:
    """Return whether there is a file at the path, on the disk or in a zip archive."""
    if path.exists():
        return not path.is_dir()
    archive = _archive_of(path)
    return archive is not None and path.relative_to(archive).as_posix() in file_names(archive)


def _archive_of(path: Path) -> Path | None:
    """Return the zip archive that a path leads into, or None."""
    outer = next((parent for parent in path.parents if parent.exists()), None)
    return outer if outer is not None and is_archive(outer) else None


def _open_raw(path: Path) -> tuple[BufferedReader, int]:
    """Open a file on the disk or in an archive as it is; returns it with its size."""
    archive = _archive_of(path) if not path.exists() else None
    if archive is not None:
        name, names = path.relative_to(archive), file_names(archive)
        if name.as_posix() not in names:
            beside = [Path(other).name for other in names if Path(other).parent == name.parent]
            raise DataError(str(path), "no such file", advice_for_missing(path, beside))
        opened = zipfile.ZipFile(archive)
        member = opened.getinfo(name.as_posix())
        try:
            streams = (opened.open(member.filename), opened)
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:  # encrypted, or an unknown method
            opened.close()
            raise DataError(str(path), f"cannot be unpacked ({error})", f"unpack it: unzip {archive}") from error
        expanding = _Expanding(path, "zip", "unzip", member.compress_size, streams)
        return BufferedReader(expanding, _BUFFER_BYTES), member.file_size
    if not path.exists():
        raise DataError(str(path), "no such file", advice_for_missing(path))
    if not path.is_file():
        raise DataError(str(path), "not a regular file", "give a text file")
    return path.open("rb"), path.stat().st_size


class _Expanding(io.RawIOBase):
    """A decompressed file. Raises DataError if it is damaged or has expanded to more than text would."""

    def __init__(self, path: Path, name: str, command: str, num_bytes: int, streams: tuple[Any, Any]) -> None:
        self._path, self._name, self._command, self._streams = path, name, command, streams
        self._max_bytes, self._num_read = _max_expanded(num_bytes), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read decompressed bytes; `BufferedReader` calls this with the room that it has."""
        try:
            content = self._streams[0].read(len(buffer))
        except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _damaged(self._path, self._name, self._command, error) from error
        self._num_read += len(content)
        if self._num_read > self._max_bytes:
            raise _expands_too_much(self._path, self._max_bytes, f"decompress it with {self._command}")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close the decompressor and the file."""
        for stream in self._streams:
            stream.close()
        super().close()


def _damaged(path: Path, name: str, command: str, error: Exception) -> DataError:
    """Return the error for a file that cannot be decompressed."""
    if "memory" in str(error).lower():
        found = f"needs more than {_MAX_MEMORY_BYTES / 1e6:.0f} MB of memory to be decompressed"
        return DataError(str(path), found, f"decompress it with {command}")
    return DataError(str(path), f"damaged {name} file ({error})", "copy it again")


def require_bounded(archive: Path) -> None:
    """Raise DataError if the files in a zip archive are together larger than a text of its size would be."""
    max_bytes = _max_expanded(archive.stat().st_size)
    with explain_errors(archive), zipfile.ZipFile(archive) as opened:
        if sum(info.file_size for info in opened.infolist()) > max_bytes:
            raise _expands_too_much(archive, max_bytes, "convert it to CSV")


def _max_expanded(num_bytes: int) -> int:
    """Return how large the content of a compressed file may be."""
    return int(min(max(MAX_EXPANSION * num_bytes, MIN_EXPANDED_BYTES), MAX_EXPANDED_BYTES))


def _expands_too_much(path: Path, max_bytes: int, advice: str) -> DataError:
    found = f"expands to more than {max_bytes / 1e6:,.0f} MB, which is too much for a text of its size"
    return DataError(str(path), found, f"if this is intended, {advice}")


@contextmanager
def explain_errors(path: Path) -> Iterator[None]:
    """Turn errors about the file into a DataError, and errors of the machine into a MachineError."""
    try:
        yield
    except zipfile.BadZipFile as error:
        raise DataError(str(path), f"damaged zip archive ({error})", "copy it again") from error
    except OSError as error:
        found = f"cannot be read ({error.strerror})"
        if error.errno in _MACHINE_ERRNOS:
            raise MachineError(str(path), found, "the file itself is not the problem; run the command again") from error
        raise DataError(str(path), found, "check its permissions") from error
