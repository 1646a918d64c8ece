"""What makes a folder a run, and what is refused in one."""

import hashlib
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from tests.runs.example import CONFIGS, finish_run, write_run
from translator.config import load_config
from translator.errors import MachineError, ModelError, UsageError
from translator.runs.folder import RECORD, RunFolder
from translator.storage.manifest import MANIFEST, write_manifest
from translator.text.words import load_counts, load_words


def sealed(run: RunFolder) -> RunFolder:
    """Add what is missing of the fixed parts, and the manifest."""
    (run.path / "tokenizer").mkdir()
    for name in ("words.txt", "tokenizer/source.model", "tokenizer/target.model"):
        (run.path / name).touch()
    write_manifest(run.path)
    return run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    sealed(write_run(tmp_path / "run"))
    return finish_run(tmp_path / "run")


def test_a_folder_is_a_run_whose_parts_are_as_they_were_written(run: RunFolder) -> None:
    run.require_finished()
    (run.path / "words.txt").write_text("changed")
    with pytest.raises(ModelError, match=r"words\.txt has 7 bytes, expected 0; restore the run folder"):
        run.require_finished()


@pytest.mark.parametrize("name", ["words.txt", "config.toml", "tokenizer/source.model", MANIFEST])
def test_a_missing_part_is_named(name: str, run: RunFolder) -> None:
    (run.path / name).unlink()
    with pytest.raises(ModelError, match=f"{Path(name).name}: No such file"):
        run.require_intact()


def make_illegal(path: Path, kind: str) -> None:
    if kind == "a symbolic link":
        path.symlink_to("words.txt")
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))


@pytest.mark.parametrize("kind", ["a symbolic link", "a pipe", "a socket"])
def test_what_leads_out_of_a_run_is_refused(kind: str, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.path / "inner").mkdir()
    monkeypatch.chdir(run.path / "inner")
    make_illegal(Path("x"), kind)
    with pytest.raises(ModelError, match=f"inner/x: illegal path: {kind} inside a run folder"):
        run.require_intact()


def test_a_checkpoint_that_is_written_meanwhile_does_not_matter(run: RunFolder) -> None:
    ended = threading.Event()

    def write() -> None:
        folder = run.checkpoints / ".tmp-step-1"
        while not ended.is_set():
            folder.mkdir(parents=True)
            (folder / "part").touch()
            (folder / "part").unlink()
            folder.rmdir()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(200):
            run.require_intact()
    finally:
        ended.set()
        thread.join()


def test_an_unfinished_run_says_how_to_continue(tmp_path: Path) -> None:
    run = sealed(write_run(tmp_path / "run"))
    run.require_intact()
    with pytest.raises(ModelError, match="its training has not finished; resume it with `translator train`"):
        run.require_finished()


def test_damaged_final_parameters_are_named(run: RunFolder) -> None:
    (run.final / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"final: model\.safetensors has 1 bytes, expected \d+; train the run again"):
        run.require_finished()
    assert run.find_final_damage(with_parameters=False) is None


@pytest.mark.parametrize("require", [RunFolder.require_run, RunFolder.require_intact, RunFolder.require_finished])
def test_a_run_of_the_first_format_is_rejected_with_what_to_do(run: RunFolder, require: object) -> None:
    (run.path / RECORD).write_text(json.dumps({"format": 1, "pieces": {"source": 1, "target": 1}}))
    with pytest.raises(ModelError) as raised:
        require(run)  # type: ignore[operator]
    assert str(raised.value) == (
        f"{run.path / RECORD}: written in run format 1, but this version reads format 2; train the run again "
        "(--overwrite), or use the version of translator that made it"
    )


def test_a_folder_that_is_not_a_run_is_not_overwritten(tmp_path: Path, run: RunFolder) -> None:
    run.require_replaceable()
    RunFolder(tmp_path / "missing").require_replaceable()
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty").require_replaceable()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / RECORD).touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("other", "file", "link"):
        with pytest.raises(MachineError, match=f"{name}: is not a run folder, so it is not overwritten"):
            RunFolder(tmp_path / name).require_replaceable()


def test_the_search_that_a_run_asks_for_is_limited(tmp_path: Path) -> None:
    asked = ["beam_size=512", "num_best=300", "min_length=9000", "max_length=10000", "max_length_ratio=99"]
    config = load_config(CONFIGS / "demo.toml", [f"decoding.{setting}" for setting in asked])
    decoding = write_run(tmp_path / "theirs", config).config().decoding
    assert (decoding.beam_size, decoding.num_best, decoding.max_target_length(1)) == (64, 64, 512)
    assert (decoding.min_length, decoding.max_length_ratio) == (32, 5)
    usual = load_config(CONFIGS / "demo.toml")
    assert write_run(tmp_path / "ours", usual).config().decoding == usual.decoding


def test_a_run_without_test_sentences_says_so(run: RunFolder) -> None:
    with pytest.raises(ModelError, match="the run has no test sentences; give files with --source and --reference"):
        run.split("test")


def test_final_parameters_of_a_newer_program_are_reported_and_not_taken_for_damage(run: RunFolder) -> None:
    manifest = json.loads((run.final / MANIFEST).read_text())
    (run.final / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ModelError, match=r"in format 99, .*; upgrade translator"):
        run.find_final_damage()


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{a = " * 100_000,
        ".".join("a" * 100_000) + " = 1",
        "[" + ".".join("a" * 100_000) + "]",
    ],
    ids=["arrays", "tables", "key", "header"],
)
def test_a_config_that_is_nested_deeply_is_rejected_at_once(text: str, run: RunFolder) -> None:
    (run.path / "config.toml").write_text(text)
    with pytest.raises(ModelError, match=r"config\.toml: cannot be read"):
        run.config()
    with pytest.raises(UsageError, match=r"config\.toml: is nested too deeply"):
        load_config(run.path / "config.toml")


@pytest.mark.parametrize("name", ["test.source", "test.target", "test.target.1", "test.kind"])
def test_sentences_of_a_run_that_are_not_aligned_or_not_text_are_damage(name: str, run: RunFolder) -> None:
    (run.path / "corpus").mkdir(exist_ok=True)
    for other in ("test.source", "test.target", "test.target.1", "test.kind"):
        (run.path / "corpus" / other).write_text("one\ntwo\n")
    assert run.split("test").others == (["one", "two"],)
    path = run.path / "corpus" / name
    path.write_text("one\ntwo\nthree\n")
    with pytest.raises(ModelError, match="the files of the test sentences do not have the same number of lines"):
        run.split("test")
    path.write_bytes(b"one\n\xff\n")
    with pytest.raises(ModelError, match=rf"{name}:2: not UTF-8"):
        run.split("test")


@pytest.mark.parametrize("size", [7, 9])
def test_hashes_of_pairs_of_an_odd_size_are_damage(size: int, run: RunFolder) -> None:
    content = b"1" * size
    (run.path / "pairs.u64").write_bytes(content)
    record = json.loads((run.path / RECORD).read_bytes())
    (run.path / RECORD).write_text(json.dumps({**record, "pairs": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(ModelError, match=rf"pairs\.u64: has {size} bytes, expected a multiple of 8"):
        run.pair_hashes()


def test_words_and_counts_that_are_not_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"dog\n\xff\n")
    for load in (load_words, load_counts):
        with pytest.raises(ModelError, match="words"):
            load(tmp_path / "words")
