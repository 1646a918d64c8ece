"""A folder is replaced as a whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from translator.errors import MachineError
from translator.storage import files, folders
from translator.storage.files import write_part
from translator.storage.folders import new_folder, walk
from translator.storage.manifest import MANIFEST, find_damage
from translator.storage.temporary import recover_partial_writes


def written(folder: Path, content: bytes) -> Path:
    with new_folder(folder) as temporary:
        write_part(temporary / "a", content)
    return folder


def test_all_parts_are_on_the_disk_before_the_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []

    def sync(path: Path) -> None:
        assert not (tmp_path / "step").exists() or path == tmp_path
        flushed.append(path.relative_to(tmp_path).as_posix())

    monkeypatch.setattr(folders, "sync", sync)
    with new_folder(tmp_path / "step") as temporary:
        (temporary / "a").write_bytes(b"x")
        (temporary / "inner").mkdir()
        (temporary / "inner" / "b").write_bytes(b"")
    name = f".tmp-step-{os.getpid()}"
    parts = ["a", "inner", "inner/b", MANIFEST]
    assert sorted(flushed) == sorted([".", name, *(f"{name}/{part}" for part in parts)])


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    def interrupt() -> None:
        with new_folder(tmp_path / "step") as temporary:
            write_part(temporary / "a", b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["fails", "is killed"])
def test_a_folder_whose_replacement_fails_stays(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "step", b"old")
    inner = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if target == folder and not path.name.endswith(".old"):
            raise OSError(errno.EIO, "broken disk")
        return inner(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    if how == "is killed":
        monkeypatch.setattr(folders, "recover_partial_writes", lambda folder, name: None)
    with pytest.raises(MachineError, match="broken disk"):
        written(folder, b"new")
    monkeypatch.undo()
    recover_partial_writes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step"]
    assert (folder / "a").read_bytes() == b"old"
    assert find_damage(folder, "a") is None


def test_a_link_in_place_of_a_part_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("elsewhere")
    with pytest.raises(FileExistsError):
        files.write_part(tmp_path / "a", b"x")


def test_a_walk_tolerates_a_folder_that_vanishes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / name, b"x")
    paths = set()
    for path in walk(tmp_path):
        paths.add(path.name)
        for vanishing in tmp_path.glob("b/*"):
            vanishing.unlink()
        if (tmp_path / "b").exists():
            (tmp_path / "b").rmdir()
    assert paths == {"a", "b", MANIFEST}


@pytest.mark.parametrize("length", range(246, 256))
def test_a_folder_with_a_long_name_is_written_and_replaced(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("n" * length)
    for content in (b"old", b"new"):
        assert (written(path, content) / "a").read_bytes() == content
        assert [found.name for found in tmp_path.iterdir()] == [path.name]
