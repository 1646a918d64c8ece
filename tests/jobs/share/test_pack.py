"""A packed run translates as the run does, and tells nothing of the corpus and the machine."""

import json
import platform
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.jobs.compare.conftest import CPU
from tests.jobs.share.conftest import packed
from translator.errors import UsageError
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.share.pack import pack_run
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder


def test_a_packed_run_translates_as_the_run(run: RunFolder, tmp_path: Path) -> None:
    source = run.split("test").source
    expected = load(run).translate(source)
    copy = packed(run, tmp_path / "model.zip")
    shutil.rmtree(run.path)
    copy.require_finished()
    assert load(tmp_path / "model.zip").translate(source) == load(copy).translate(source) == expected
    shutil.move(copy.path, tmp_path / "unpacked")
    assert load(tmp_path / "unpacked").translate(source) == expected


def test_the_same_run_gives_the_same_bytes(run: RunFolder, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        packed(run, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_pack_contains_no_sentence_path_or_host(run: RunFolder, tmp_path: Path) -> None:
    packed(run, tmp_path / "model.zip")
    content = (tmp_path / "model.zip").read_bytes()
    sentences = [path.read_bytes().splitlines() for path in (run.path / "corpus").iterdir() if path.suffix != ".kind"]
    names = [b"secret", str(tmp_path).encode(), str(Path.home()).encode(), platform.node().encode() or b"secret"]
    for text in [*names[:3], *(line for lines in sentences for line in lines)]:
        assert text not in content
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        for name in (name for name in archive.namelist() if not name.endswith(("model.safetensors", ".model"))):
            assert names[3] not in archive.read(name).split()
    assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_the_card_and_nothing_else_may_be_edited(run: RunFolder, tmp_path: Path) -> None:
    copy = packed(run, tmp_path / "model.zip")
    (copy.path / "README.md").write_text("mine")
    copy.require_finished()
    assert json.loads((copy.path / "manifest.json").read_bytes())["parts"].keys() == {
        "README.md", "config.toml", "run.json", "tokenizer/source.model", "tokenizer/target.model"
    }  # fmt: skip


def test_a_pack_shows_the_layer_that_aligned_best(run: RunFolder, tmp_path: Path) -> None:
    copy = packed(run, tmp_path / "model.zip")
    views = [AttentionViewer(load(one), one, layer=None, head=None).view for one in (run, copy)]
    assert views[0] == views[1]


def test_a_pack_is_not_packed_again(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.zip: is already packed"):
        pack_run(packed(run, tmp_path / "model.zip"), tmp_path / "other.zip", licence=None, device=CPU)
