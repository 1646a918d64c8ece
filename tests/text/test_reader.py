"""Lines end at LF and nowhere else; bytes that are not text are an error that says where."""

import errno
import gzip
import io
import os
import tempfile
import tracemalloc
import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.errors import DataError, MachineError
from translator.text import block_reader, opening, reader
from translator.text.block_reader import BlockReader
from translator.text.reader import OVERLONG, LineLimit, decode_lines, read_lines


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
        (b"good\nf\xfcr\n", r"a:2: not UTF-8 \(byte 0xfc at column 2\); convert it: mv .* && iconv -f CP1252"),
        *(("gut".encode(f"utf-16{end}"), "a:1: looks like UTF-16; .* -f UTF-16 ") for end in ("", "-le", "-be")),
        *(("gut".encode(f"utf-32{end}"), "a:1: looks like UTF-32; .* -f UTF-32 ") for end in ("", "-le", "-be")),
        ("\ufeffgut".encode("utf-32-be"), "a:1: looks like UTF-32; .* -f UTF-32 "),
        (
            "gut, größer und schön\n".encode() + b"f\xfcr\n",
            r"a:2: not UTF-8 \(byte 0xfc at column 2\); correct the line, .* iconv -c",
        ),
        (
            b"one\rtwo\rthree\r",
            r"a: has CR line ends, .*; convert it: mv .*/a .*/a\.old && tr '\\r' '\\n' < .*/a\.old > .*/a$",
        ),
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
        patch.setattr(block_reader, "_BLOCK_BYTES", 7)
        path = Path(folder) / "a"
        path.write_bytes(content)
        expected = [unicodedata.normalize("NFC", line) for line in read_lines(path)]
        with closing(BlockReader(path, LineLimit())) as blocks:
            read: list[str] = []
            while num_waiting := blocks.fill():
                read += blocks.take(min(size, num_waiting))
            assert (read, blocks.num_lines) == (expected, len(expected))


def read_blocks(path: Path, limit: LineLimit) -> list[str]:
    with closing(BlockReader(path, limit)) as blocks:
        lines: list[str] = []
        while num_waiting := blocks.fill():
            lines += blocks.take(num_waiting)
        return lines


def test_an_error_in_a_later_block_has_its_line_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_reader, "_BLOCK_BYTES", 7)
    (tmp_path / "a").write_bytes(b"good\n" * 20 + b"f\xfcr\n")
    with pytest.raises(DataError, match="a:21: not UTF-8"):
        read_blocks(tmp_path / "a", LineLimit())


READERS: dict[str, Callable[[Path, LineLimit], list[str]]] = {
    "lines": lambda path, limit: list(read_lines(path, limit)),
    "blocks": read_blocks,
}
by_both_readers = pytest.mark.parametrize("reader_name", READERS)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([b"\n", b"\r\n"]))),
    st.binary(max_size=9).filter(lambda end: not set(end) - {ord("x")}),
    st.integers(1, 20),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_lines_up_to_the_limit_are_read_and_longer_ones_replaced(
    lines: list[tuple[int, bytes]], rest: bytes, max_bytes: int, bom: bytes
) -> None:
    content = bom + b"".join(b"x" * length + end for length, end in lines) + rest
    lengths = [length for length, _ in lines] + ([len(rest)] if rest else [])
    if bom and not lines and not rest:
        lengths = [0]  # a file of nothing but a byte order mark has one empty line
    expected = ["x" * length if length <= max_bytes else OVERLONG for length in lengths]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_reader, "_BLOCK_BYTES", 7)
        patch.setattr(reader, "_SKIPPED_BYTES", 3)
        (path := Path(folder) / "a").write_bytes(content)
        for read in READERS.values():
            assert read(path, LineLimit(max_bytes, skips=True)) == expected


@by_both_readers
def test_a_line_over_the_limit_is_an_error_with_its_number_unless_it_may_be_skipped(
    tmp_path: Path, reader_name: str
) -> None:
    (tmp_path / "a").write_bytes(b"good\n" * 6 + b"x" * 1_000_001 + b"\n")
    message = r"a:7: found a line of more than 1,000,000 bytes \(corpus\.max_line_bytes\); split it"
    with pytest.raises(DataError, match=message):
        READERS[reader_name](tmp_path / "a", LineLimit())
    (tmp_path / "a").write_bytes(b"good\n" * 6 + b"x" * 1_000_000 + b"\n")
    assert len(READERS[reader_name](tmp_path / "a", LineLimit())[-1]) == 1_000_000


@by_both_readers
@pytest.mark.parametrize("num_bytes", [10, 40_000_000])
def test_a_file_of_nul_bytes_is_an_error_whatever_may_be_skipped(
    tmp_path: Path, reader_name: str, num_bytes: int
) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(num_bytes)
    with pytest.raises(DataError, match="a:1: looks like UTF-32"):
        READERS[reader_name](tmp_path / "a", LineLimit(skips=True))


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that Python has held during the work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@by_both_readers
@pytest.mark.parametrize("is_gzipped", [False, True])
def test_a_line_that_is_skipped_is_never_in_memory(tmp_path: Path, reader_name: str, is_gzipped: bool) -> None:
    path = tmp_path / "a.gz"
    pack = gzip.compress if is_gzipped else bytes
    path.write_bytes(b"".join([pack(b"good\n"), *[pack(b"x" * 10**6)] * 30, pack(b"\ngood\n")]))
    lines: list[str] = []
    peak = peak_bytes(lambda: lines.extend(READERS[reader_name](path, LineLimit(100, skips=True))))
    assert lines == ["good", OVERLONG, "good"]
    assert peak < 16e6


@by_both_readers
def test_a_gzipped_file_that_expands_too_much_is_rejected_early(tmp_path: Path, reader_name: str) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"x" * 10**6) * 500)

    def read() -> None:
        with pytest.raises(DataError, match=r"a\.gz: expands to more than 34 MB.*decompress it with gunzip"):
            READERS[reader_name](path, LineLimit(100, skips=True))

    assert peak_bytes(read) < 16e6


@by_both_readers
def test_how_far_a_gzipped_file_may_expand_depends_on_its_size(
    tmp_path: Path, reader_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"good\n" * 1000))
    times = 5000 / path.stat().st_size
    for limits, is_read in (
        ({"MIN_EXPANDED_BYTES": 5000, "MAX_EXPANSION": 0}, True),
        ({"MIN_EXPANDED_BYTES": 4999, "MAX_EXPANSION": 0}, False),
        ({"MIN_EXPANDED_BYTES": 0, "MAX_EXPANSION": times}, True),
        ({"MIN_EXPANDED_BYTES": 0, "MAX_EXPANSION": times * 0.99}, False),
        ({"MIN_EXPANDED_BYTES": 5000, "MAX_EXPANDED_BYTES": 4999}, False),
    ):
        with monkeypatch.context() as patch:
            for name, value in limits.items():
                patch.setattr(opening, name, value)
            if is_read:
                assert len(READERS[reader_name](path, LineLimit())) == 1000
            else:
                with pytest.raises(DataError, match="expands to more than 0 MB"):
                    READERS[reader_name](path, LineLimit())
