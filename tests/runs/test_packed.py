"""A packed run may come from anywhere: nothing in one is trusted."""

import io
import random
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.runs.example import finish_run, write_run
from tests.runs.test_folder import sealed
from translator.errors import ModelError
from translator.runs.folder import RunFolder
from translator.runs.lookup import find_run
from translator.runs.packed import PARTS, write_packed
from translator.storage.manifest import write_manifest


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Return a packed run without a model."""
    folder = tmp_path / "run"
    sealed(write_run(folder))
    finish_run(folder)
    for name in ("words.txt", "manifest.json"):
        (folder / name).unlink()
    shutil.move(folder / "final", tmp_path / "final")
    (folder / "README.md").write_text("card")
    write_manifest(folder)
    shutil.move(tmp_path / "final", folder / "final")
    write_packed(folder, tmp_path / "model.zip")
    return tmp_path / "model.zip"


def rewritten(pack: Path, **changes: bytes) -> zipfile.ZipFile:
    """Return the archive for appending, after replacing the contents of some parts."""
    with zipfile.ZipFile(pack) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()} | changes
    archive = zipfile.ZipFile(pack, "w")
    for name, content in parts.items():
        archive.writestr(name, content)
    return archive


def rejected(pack: Path, problem: str) -> None:
    with pytest.raises(ModelError, match=problem) as raised:
        find_run(pack).require_finished()
    assert str(raised.value).startswith(str(pack))


def test_a_pack_is_a_finished_run(pack: Path) -> None:
    run = find_run(pack)
    run.require_finished()
    assert (run.place, run.name, run.is_packed) == (str(pack), "model.zip", True)
    with zipfile.ZipFile(pack) as archive:
        assert archive.namelist() == list(PARTS)
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "final/../../outside", "final/extra", "C:\\outside"])
def test_no_other_file_is_unpacked(pack: Path, name: str) -> None:
    with rewritten(pack) as archive:
        archive.writestr(name, b"x")
    rejected(pack, "is not a packed run .it contains .*")
    assert not list(pack.parent.glob("**/outside"))


def test_a_link_is_unpacked_as_a_file_and_rejected_by_its_hash(pack: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(pack, "w") as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name)
            if name == "config.toml":
                entry.external_attr, content = 0o120777 << 16, b"/etc/passwd"
            archive.writestr(entry, content)
    rejected(pack, r"config\.toml has 11 bytes, expected")
    assert not (find_run(pack).path / "config.toml").is_symlink()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_each_part_occurs_once(pack: Path) -> None:
    with rewritten(pack) as archive:
        archive.writestr("run.json", b"{}")
    rejected(pack, r"it contains run\.json 2 times, expected once")
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("run.json", b"{}")
    rejected(pack, r"it contains README\.md 0 times, expected once")


def test_a_bomb_is_not_unpacked(pack: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    find_run(pack).require_finished()  # another program may have compressed it
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, bytes(10**8) if name == "README.md" else content)
    rejected(pack, "it expands to more than 20 times its size")


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_rejected(pack: Path, kind: int) -> None:
    with zipfile.ZipFile(pack) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(pack, "w", kind) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    rejected(pack, "unknown compression")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"text", b"PK\x03\x04" * 100])
def test_what_is_no_archive_is_rejected(pack: Path, content: bytes) -> None:
    pack.write_bytes(content)
    rejected(pack, "is not a packed run")


def test_mutants_are_rejected_or_equal(pack: Path) -> None:
    content, generator = pack.read_bytes(), random.Random(1)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in PARTS}
    for _ in range(150):
        mutant = bytearray(content)
        for _ in range(generator.choice((1, 1, 4))):
            mutant[generator.randrange(len(mutant))] = generator.randrange(256)
        pack.write_bytes(mutant[: generator.choice((len(mutant), generator.randrange(len(mutant))))])
        try:
            run: RunFolder = find_run(pack)
            run.require_finished()
        except ModelError:
            continue
        assert all((run.path / name).read_bytes() == part for name, part in parts.items() if name != "README.md")
        shutil.rmtree(run.path)
