"""Whatever happens to a folder is noticed; see also tests/training/test_checkpoint.py."""

import json
import os
from pathlib import Path

import pytest

from translator.errors import ModelError
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import MANIFEST, find_damage, recorded_hash, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with new_folder(tmp_path / "folder") as temporary:
        write_part(temporary / "a", b"x")
        (temporary / "inner").mkdir()
        write_part(temporary / "inner" / "b", b"y")
    return tmp_path / "folder"


def test_an_untouched_folder_is_not_damaged(folder: Path) -> None:
    assert find_damage(folder, "a", "inner/b") is None
    assert find_damage(folder, "a", "c") == f"{MANIFEST} does not list c"


@pytest.mark.parametrize(("name", "unread"), [("a", ("inner/b",)), ("inner/b", ("a",))])
def test_every_part_is_hashed_unless_it_is_not_read(name: str, unread: tuple[str, ...], folder: Path) -> None:
    (folder / name).write_bytes(b"z")
    assert find_damage(folder) == f"{name} has changed since it was written (SHA-256 differs)"
    assert find_damage(folder, unread=(name,)) is None
    assert find_damage(folder, unread=unread) is not None


def test_nothing_is_hashed_if_a_part_is_too_large_or_the_check_fails(folder: Path) -> None:
    os.truncate(folder / "a", 2**40)  # hashing it would take hours
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["parts"]["a"]["bytes"] = 2**40
    (folder / MANIFEST).write_text(json.dumps(manifest))

    assert find_damage(folder, max_bytes={"a": 100}) == f"a has {2**40} bytes, expected at most 100"
    assert find_damage(folder, check=lambda: "too large") == "too large"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "[" * 100_000, '{"format": 1}', '{"format": 0, "parts": {}}', '{"format": true, "parts": {}}',
     '{"format": 1, "parts": {"a": {"bytes": 1.0, "sha256": "x"}}}', '{"format": 1, "parts": {"a": {"bytes": 1}}}',
     '{"format": 1, "parts": {"a\\u0000": {"bytes": 1, "sha256": "x"}}}', '{"format": 1' + "0" * 5000 + "}"],
)  # fmt: skip
def test_a_damaged_manifest_is_reported(content: str, folder: Path) -> None:
    (folder / MANIFEST).write_text(content)
    assert find_damage(folder) == f"{MANIFEST} is damaged"
    with pytest.raises(ModelError, match="is damaged"):
        recorded_hash(folder, "a")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "linked"])
def test_a_path_that_leads_out_of_the_folder_is_reported(name: str, folder: Path) -> None:
    (folder.parent / "outside").write_bytes(b"x")
    (folder / "linked").symlink_to("../outside")
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "parts": {name: {"bytes": 1, "sha256": ""}}}))
    assert find_damage(folder) == f"illegal path {name!r} in {MANIFEST}"


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    for name, reason in (("a", "a is not a file"), (MANIFEST, f"{MANIFEST} is damaged")):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        assert find_damage(folder) == reason


def test_a_folder_of_a_later_version_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps({"format": 2, "translator": "77.0", "parts": {}}))
    with pytest.raises(ModelError, match=r"written by translator 77\.0 in format 2, this is .*; upgrade translator"):
        find_damage(folder)


def test_the_recorded_hash_is_that_of_the_content(folder: Path) -> None:
    assert recorded_hash(folder, "a") == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def test_a_removable_folder_may_be_missing_as_a_whole_but_not_in_part(tmp_path: Path) -> None:
    for name in ("kept/a", "removed/b", "removed/c", "removed.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    write_manifest(tmp_path)
    (tmp_path / "removed" / "b").unlink()
    assert find_damage(tmp_path, removable=("removed",)) == "b: No such file or directory"
    (tmp_path / "removed" / "c").unlink()
    (tmp_path / "removed").rmdir()
    assert find_damage(tmp_path, removable=("removed",)) is None
    assert find_damage(tmp_path) == "b: No such file or directory"
    (tmp_path / "removed.txt").unlink()
    assert find_damage(tmp_path, removable=("removed",)) == "removed.txt: No such file or directory"
