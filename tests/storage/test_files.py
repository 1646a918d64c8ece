"""A file is replaced as a whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from translator.errors import MachineError
from translator.storage import files
from translator.storage.files import append, disk_error, new_file, write_file


def test_the_content_is_on_the_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []

    def sync(path: Path) -> None:
        assert (tmp_path / "a").exists() == (path == tmp_path)
        flushed.append(path)

    monkeypatch.setattr(files, "sync", sync)
    write_file(tmp_path / "a", b"x")
    assert flushed == [tmp_path / f".tmp-a-{os.getpid()}", tmp_path]
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_write_leaves_the_old_file(error: type[BaseException], tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with new_file(tmp_path / "a") as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_a_write_that_the_disk_refuses_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def sync(path: Path) -> None:
        raise OSError(errno.EIO, "broken disk", str(path))

    monkeypatch.setattr(files, "sync", sync)
    with pytest.raises(MachineError, match=r"cannot be written \(broken disk\)"):
        write_file(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "a").symlink_to("precious")
    write_file(tmp_path / "a", b"new")
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_two_processes_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    program = "from pathlib import Path; from translator.storage.files import write_file; write_file(Path('a'), b'two')"
    with new_file(tmp_path / "a") as file:
        file.write(b"one")
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
        assert (tmp_path / "a").read_bytes() == b"two"
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_reported_with_the_space_that_is_needed(tmp_path: Path) -> None:
    error = disk_error(tmp_path / "new" / "a", OSError(errno.ENOSPC, "full"), 2_500_000)
    assert "no space left (full): needed about 2.5 MB, " in str(error)
    assert " MB are free" in str(error)


def test_an_append_that_fails_leaves_no_part_of_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = os.write

    def write(descriptor: int, content: bytes) -> int:
        if len(content) < 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return inner(descriptor, content[:4])

    with (tmp_path / "a").open("ab", buffering=0) as file:
        append(file.fileno(), b"")
        append(file.fileno(), b"old\n")
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space left"):
            append(file.fileno(), b"new line\n")
    assert (tmp_path / "a").read_bytes() == b"old\n"


@pytest.mark.parametrize("length", range(246, 256))
def test_a_file_with_a_long_name_is_written_and_replaced(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("n" * length)
    for content in (b"old", b"new"):
        write_file(path, content)
        assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [(path.name, content)]
