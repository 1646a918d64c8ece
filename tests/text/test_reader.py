"""Lines end at LF and nowhere else; bytes that are not text are an error that says where."""

import errno
import gzip
import io
import os
import tempfile
import unicodedata
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.errors import DataError, MachineError
from translator.text import reader
from translator.text.reader import BlockReader, decode_lines, read_lines


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0\r\ufeff"))))
def test_any_text_is_read_line_by_line(lines: list[str]) -> None:
    stream = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    assert list(decode_lines(stream, "memory")) == lines


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_lf_ends_a_line(tmp_path: Path, separator: str) -> None:
    (tmp_path / "a").write_bytes(f"one{separator}two\nthree".encode())
    assert list(read_lines(tmp_path / "a")) == [f"one{separator}two", "three"]


@pytest.mark.parametrize("content", [b"one\r\ntwo\r\n", b"\xef\xbb\xbfone\ntwo\n", b"one\ntwo"])
def test_crlf_a_byte_order_mark_and_a_missing_last_lf_change_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert list(read_lines(tmp_path / "a")) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good\nf\xfcr\n", r"a:2: not UTF-8 \(byte 0xfc at column 2\); convert the file with iconv"),
        *(("gut".encode(f"utf-16{end}"), "a:1: looks like UTF-16; .* -f UTF-16 ") for end in ("", "-le", "-be")),
        *(("gut".encode(f"utf-32{end}"), "a:1: looks like UTF-32; .* -f UTF-32 ") for end in ("", "-le", "-be")),
        ("\ufeffgut".encode("utf-32-be"), "a:1: looks like UTF-32; .* -f UTF-32 "),
        (b"good\nno\0pe\n", "a:2: found a NUL byte at column 3, expected text; remove it"),
    ],
)
def test_bytes_that_are_not_text_are_an_error_with_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_lines(tmp_path / "a"))


def test_gzip_is_read_and_a_damaged_file_rejected(tmp_path: Path) -> None:
    whole = gzip.compress(b"one\ntwo\n" * 1000)
    for name, content in (("good.gz", whole), ("plain.gz", b"one\n"), ("cut.gz", whole[:-20])):
        (tmp_path / name).write_bytes(content)
    assert len(list(read_lines(tmp_path / "good.gz"))) == 2000
    assert list(read_lines(tmp_path / "plain.gz")) == ["one"]
    with pytest.raises(DataError, match=r"cut\.gz: damaged gzip file"):
        list(read_lines(tmp_path / "cut.gz"))


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing: no such file"):
        list(read_lines(tmp_path / "nothing"))
    with pytest.raises(DataError, match="not a regular file"):
        list(read_lines(tmp_path))


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EMFILE, MachineError), (errno.EIO, MachineError), (errno.EACCES, DataError)]
)
def test_an_error_of_the_machine_is_not_blamed_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    (tmp_path / "a").write_text("x\n")

    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(kind, match=f"cannot be read \\({os.strerror(number)}\\)"):
        list(read_lines(tmp_path / "a"))


@settings(deadline=None)
@given(st.lists(st.text(max_size=9).filter(lambda line: not set(line) & set("\n\0"))), st.integers(1, 9))
def test_blocks_are_the_lines_of_the_file_normalised(lines: list[str], size: int) -> None:
    content = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_BLOCK_BYTES", 7)
        path = Path(folder) / "a"
        path.write_bytes(content)
        expected = [unicodedata.normalize("NFC", line) for line in read_lines(path)]
        with closing(BlockReader(path)) as blocks:
            read = list(chain.from_iterable(iter(lambda: blocks.read(size), [])))
            assert (read, blocks.num_lines) == (expected, len(expected))


def test_an_error_in_a_later_block_has_its_line_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BLOCK_BYTES", 7)
    (tmp_path / "a").write_bytes(b"good\n" * 20 + b"f\xfcr\n")
    with closing(BlockReader(tmp_path / "a")) as blocks, pytest.raises(DataError, match="a:21: not UTF-8"):
        blocks.read(30)
