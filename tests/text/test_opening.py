"""Compressed files and archives are read within limits; what cannot be read is named, and what is missing is looked for."""

import bz2
import gzip
import lzma
import shlex
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import feather, parquet

from translator.errors import DataError
from translator.text import opening
from translator.text.opening import is_there, open_binary
from translator.text.reader import read_lines

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pyarrow.Codec("zstd").compress(content, asbytes=True),
}
by_compression = pytest.mark.parametrize("suffix", COMPRESSORS)


@by_compression
def test_a_file_is_decompressed_whatever_its_name_is(tmp_path: Path, suffix: str) -> None:
    content = b"one\ntwo\n" * 1000
    (tmp_path / "a.txt").write_bytes(COMPRESSORS[suffix](content))
    (tmp_path / f"plain{suffix}").write_bytes(content)
    for name in ("a.txt", f"plain{suffix}"):
        with open_binary(tmp_path / name) as stream:
            assert stream.read() == content


@by_compression
def test_every_compressed_file_has_a_limit(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(COMPRESSORS[suffix](b"good\n" * 10_000))
    monkeypatch.setattr(opening, "MIN_EXPANDED_BYTES", 40_000)
    monkeypatch.setattr(opening, "MAX_EXPANSION", 1)
    with pytest.raises(
        DataError, match=r"a: expands to more than 0 MB.*decompress it with (gunzip|bunzip2|unxz|unzstd)"
    ):
        list(read_lines(tmp_path / "a"))


@by_compression
def test_an_archive_is_like_a_folder_of_files_that_may_be_compressed(tmp_path: Path, suffix: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/train.en", COMPRESSORS[suffix](b"one\ntwo\n"))
    assert list(read_lines(tmp_path / "a.zip/inner/train.en")) == ["one", "two"]
    assert is_there(tmp_path / "a.zip/inner/train.en")
    assert not is_there(tmp_path / "a.zip/inner")
    with pytest.raises(DataError, match=r"train\.de: no such file; did you mean .*a\.zip/inner/train\.en\?"):
        list(read_lines(tmp_path / "a.zip/inner/train.de"))


def test_a_damaged_or_huge_archive_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.en", b"one\n" * 400_000)
    monkeypatch.setattr(opening, "MIN_EXPANDED_BYTES", 1_000_000)
    with pytest.raises(DataError, match=r"train\.en: expands to more than 1 MB"):
        list(read_lines(tmp_path / "a.zip/train.en"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("train.en", b"one\n" * 100)
    content = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(content.replace(b"one\none", b"one\ntwo", 1))
    with pytest.raises(DataError, match=r"train\.en: damaged zip file \(Bad CRC-32"):
        list(read_lines(tmp_path / "b.zip/train.en"))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("train.en", b"one\n")
    encrypted = bytearray((tmp_path / "c.zip").read_bytes())
    encrypted[6] |= 1  # the flag of encryption, here and in the directory
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "c.zip").write_bytes(encrypted)
    with pytest.raises(DataError, match=r"cannot be unpacked \(File 'train\.en' is encrypted.*unzip"):
        list(read_lines(tmp_path / "c.zip/train.en"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7\n", "is a PDF document, expected text; convert it: pdftotext .*/a file'"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive, expected text; convert it: 7z x"),
        (b"Rar!\x1a\x07\x01\0", "is a RAR archive, expected text; convert it: unrar x"),
        (b"{\\rtf1\\ansi", "is an RTF document, .*: soffice --convert-to 'txt:Text"),
        (
            b"SQLite format 3\0\x10",
            r"is an SQLite database, .*: sqlite3 -csv -header '.*/a file' 'SELECT .*' > '.*/a file'\.csv",
        ),
        (b"ARROW1\0\0\xff\xff", "is an Arrow file, .*: python -c 'import sys, pyarrow"),
        (lzma.compress(b"one", lzma.FORMAT_ALONE), "is an LZMA file, expected text; convert it: unlzma"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\2", "is a binary file, expected text; export it as text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a document of an old Office format, .*: soffice --convert-to xlsx"),
        (
            gzip.compress(b"\0" * 257 + b"ustar\x0000" + b"\0" * 248, mtime=0),
            "is a tar archive, expected text; convert it: tar -xf",
        ),
    ],
)
def test_a_file_that_is_not_text_is_named_with_the_command_that_converts_it(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a file").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_lines(tmp_path / "a file"))


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("xl/workbook.xml", "is an Excel spreadsheet, expected text"),
        ("word/document.xml", "is a Word document, expected text; convert it: soffice --convert-to 'txt:Text"),
        ("content.xml", "is an OpenDocument file, expected text"),
        ("train.en", "is a zip archive, expected text; convert it: unzip"),
    ],
)
def test_an_archive_is_named_after_what_is_in_it(tmp_path: Path, member: str, message: str) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr(member, "x")
    with pytest.raises(DataError, match=message):
        list(read_lines(tmp_path / "a"))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("train.en", r"did you mean .*/train\.en\.gz\?"),
        ("trian.en.gz", r"did you mean .*/train\.en\.gz\?"),
        ("sub/tran.de", r"did you mean .*/sub/train\.de\?"),
        ("sup/train.de", r"there is no folder .*/sup; did you mean .*/sub\?"),
        ("other/else/train.de", r"there is no folder .*/other$"),
        ("quite different", r"has notes\.txt, train\.en\.gz; check the name"),
        ("empty/train", r"/empty has no files; check the name"),
    ],
)
def test_a_missing_file_is_looked_for(tmp_path: Path, name: str, advice: str) -> None:
    for path in ("train.en.gz", "notes.txt", "sub/train.de", "empty/deeper/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x\n")
    with pytest.raises(DataError, match=rf"no such file; .*{advice}"):
        list(read_lines(tmp_path / name))


def test_an_arrow_file_is_converted_by_the_command_of_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pyarrow.table({"en": ["one"], "de": ["eins"]})
    feather.write_feather(table, tmp_path / "a.feather", compression="uncompressed")
    with pytest.raises(DataError) as caught:
        list(read_lines(tmp_path / "a.feather"))
    words = shlex.split(str(caught.value).partition("convert it: ")[2])
    monkeypatch.setattr(sys, "argv", words[2:])
    exec(words[2])
    assert parquet.read_table(tmp_path / "a.feather.parquet").to_pylist() == table.to_pylist()


def test_a_file_that_needs_much_memory_is_not_decompressed(tmp_path: Path) -> None:
    content = bytearray(lzma.compress(b"one\n"))
    filters = content.index(b"\x21\x01", 12)  # LZMA2 with one byte of properties
    content[filters + 2] = 40  # a dictionary of 4 GiB
    last = 12 + 4 * (content[12] + 1)  # of the block header, which ends with its CRC
    content[last - 4 : last] = zlib.crc32(content[12 : last - 4]).to_bytes(4, "little")
    (tmp_path / "a.xz").write_bytes(content)
    with pytest.raises(
        DataError, match=r"a\.xz: needs more than 268 MB of memory to be decompressed; decompress it with unxz"
    ):
        list(read_lines(tmp_path / "a.xz"))
