"""Rows B of the catalogue: damaged checkpoints are reported and skipped, and run folders are protected."""

import contextlib
import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import NOBODY, Commands, leftovers, reseal, snapshot
from tests.faults.runs import TrainingRuns, arguments, assert_equal, journal
from translator.storage.manifest import MANIFEST, write_manifest
from translator.training.checkpoint import MODEL, OPTIMIZER

KILL = int(signal.SIGKILL)


@pytest.fixture(scope="module")
def halted(runs: TrainingRuns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped at step 10, with checkpoints of steps 3, 6, 9 and 10. Do not change it."""
    run = tmp_path_factory.mktemp("halted") / "run"
    stop = ("send", int(signal.SIGTERM), "translator.training.loop.Report", 10)
    assert runs.run("transformer", run, sabotage=[stop]).code == 143
    assert sorted(path.name[-2:] for path in run.glob("checkpoints/*")) == ["03", "06", "09", "10"]
    return run


@pytest.fixture
def run(halted: Path, tmp_path: Path) -> Path:
    """A copy of `halted` that may be changed."""
    return Path(shutil.copytree(halted, tmp_path / "run"))


def assert_resumes_from(step: int, runs: TrainingRuns, run: Path, reason: str) -> None:
    """The newest checkpoint is reported with the reason and not touched, and the run ends as if never interrupted."""
    newest = run / "checkpoints" / "step-00000010"
    before = snapshot(newest)
    done = runs.run("transformer", run)
    assert done.code == 0, done.error_text
    assert f"step-00000010 is damaged and was skipped: {reason}" in done.error_text
    assert f"resuming from step {step}\n" in done.error_text
    assert snapshot(newest) == before
    shutil.rmtree(newest)
    assert_equal(run, runs.whole("transformer"))


@pytest.mark.parametrize(
    "sabotage",
    [
        ("kill_within_write", 4),
        ("kill_within_write", 5),
        ("send", KILL, "translator.storage.folders.write_manifest", 4),
        ("kill_before_rename_to", "step-00000006"),
    ],
)
def test_b01_b02_a_kill_while_saving_loses_that_save_alone(
    sabotage: tuple[object, ...], runs: TrainingRuns, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert runs.run("transformer", run, sabotage=[sabotage]).code == -KILL
    assert leftovers(run)
    done = runs.run("transformer", run)
    assert done.code == 0
    assert "resuming from step 3\n" in done.error_text
    assert_equal(run, runs.whole("transformer"))
    assert leftovers(tmp_path) == []


def test_b02_a_kill_while_the_final_parameters_are_replaced_loses_neither_version(
    runs: TrainingRuns, commands: Commands, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert runs.run("transformer", run, "training.steps=3").code == 0
    assert runs.run("transformer", run, sabotage=[("kill_before_rename_to", "final")]).code == -KILL
    early = commands.run(tmp_path, "translate", "--run", "run", "x")
    assert early.code == 0
    assert "training has not finished; translating with its best checkpoint, step " in early.error_text
    assert runs.run("transformer", run).code == 0
    assert commands.run(tmp_path, "translate", "--run", "run", "x").code == 0
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("share", [0.0, None, 0.5, 0.999])
def test_b04_truncated_parameters_are_reported_and_skipped(share: float | None, runs: TrainingRuns, run: Path) -> None:
    weights = run / "checkpoints" / "step-00000010" / MODEL
    size = weights.stat().st_size
    left = 1 if share is None else int(size * share)
    os.truncate(weights, left)
    assert_resumes_from(9, runs, run, f"{MODEL} has {left} bytes, expected {size}")


def test_b06_parameters_that_end_in_zeros_are_reported_and_skipped(runs: TrainingRuns, run: Path) -> None:
    weights = run / "checkpoints" / "step-00000010" / MODEL
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    assert_resumes_from(9, runs, run, f"{MODEL} has changed since it was written (SHA-256 differs)")


def test_b07_if_all_checkpoints_are_damaged_nothing_is_trained(runs: TrainingRuns, run: Path) -> None:
    for weights in run.glob(f"checkpoints/*/{MODEL}"):
        os.truncate(weights, 100)
    before = snapshot(run)
    done = runs.run("transformer", run)
    assert done.code == 4
    assert done.error_text.count(f"is damaged and was skipped: {MODEL} has 100 bytes") == 4
    assert "all checkpoints are damaged" in done.error_text
    assert snapshot(run) == before


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), f"{MANIFEST}: No such file or directory"),
        (lambda path: path.write_text("no JSON"), f"{MANIFEST} is damaged"),
        (lambda path: path.write_text("[" * 100_000), f"{MANIFEST} is damaged"),
        (lambda path: (path.parent / OPTIMIZER).unlink(), f"{OPTIMIZER}: No such file or directory"),
    ],
)
def test_b08_a_checkpoint_without_its_manifest_is_not_used(
    spoil: Callable[[Path], object], reason: str, runs: TrainingRuns, run: Path
) -> None:
    spoil(run / "checkpoints" / "step-00000010" / MANIFEST)
    assert_resumes_from(9, runs, run, reason)


@pytest.mark.parametrize("part", [MODEL, OPTIMIZER])
def test_b08_a_checkpoint_whose_tensors_do_not_fit_is_not_used(part: str, runs: TrainingRuns, run: Path) -> None:
    newest = run / "checkpoints" / "step-00000010"
    other = runs.whole("recurrent") / "checkpoints" / "step-00000012"
    (newest / part).write_bytes((other / part).read_bytes())
    (newest / MANIFEST).unlink()
    write_manifest(newest)
    assert_resumes_from(9, runs, run, f"{newest / part}: parameters of another model: ")


def test_b09_another_tokenizer_is_refused(commands: Commands, work: Path) -> None:
    other = sets(*SETTINGS["demo"], "tokenizer.vocab_size=330", "training.steps=1")
    made = commands.run(work, "train", "demo.toml", *other, "--output", "other")
    assert made.code == 0, made.error_text
    shutil.rmtree(work / "runs" / "demo" / "tokenizer")
    shutil.copytree(work / "other" / "tokenizer", work / "runs" / "demo" / "tokenizer")
    done = commands.run(work, "translate", "--run", "runs/demo", "x")
    assert done.code == 4
    assert "tokenizer/source.model has " in done.error_text


def test_b10_parameters_of_another_architecture_are_refused(commands: Commands, work: Path) -> None:
    shutil.rmtree(work / "runs" / "demo" / "final")
    shutil.copytree(work / "runs" / "demo-additive" / "final", work / "runs" / "demo" / "final")
    done = commands.run(work, "translate", "--run", "runs/demo", "x")
    assert done.code == 4
    assert "parameters of another model: " in done.error_text
    assert "expected (" in done.error_text


@pytest.mark.parametrize("content", [None, b"", b"hello\n", b"<html></html>", pickle.dumps({"model": [1, 2]})])
def test_b11_something_that_is_not_a_run_is_refused(content: bytes | None, commands: Commands, tmp_path: Path) -> None:
    if content is None:
        (tmp_path / "thing").mkdir()
    else:
        (tmp_path / "thing").write_bytes(content)
    done = commands.run(tmp_path, "translate", "--run", "thing", "x")
    assert done.code == 4
    assert "is not a run folder of this program" in done.error_text


def test_b12_a_full_disk_is_reported_and_the_last_checkpoint_kept(runs: TrainingRuns, run: Path) -> None:
    before = snapshot(run / "checkpoints")
    done = runs.run("transformer", run, limits={"RLIMIT_FSIZE": 30_000})
    assert done.code == 5
    assert "no space left" in done.error_text
    assert "needed about 0.1 MB, " in done.error_text
    assert " MB are free" in done.error_text
    assert snapshot(run / "checkpoints") == before
    assert runs.run("transformer", run).code == 0
    assert_equal(run, runs.whole("transformer"))


def test_b12_a_disk_too_full_for_the_journal_is_reported(runs: TrainingRuns, run: Path) -> None:
    room = (run / "journal.jsonl").stat().st_size + 100
    done = runs.run("transformer", run, limits={"RLIMIT_FSIZE": room})
    assert done.code == 5
    assert f"{run / 'journal.jsonl'}: no space left" in done.error_text
    assert runs.run("transformer", run).code == 0
    assert_equal(run, runs.whole("transformer"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_b12_a_disk_that_fills_up_repeatedly_costs_only_time(runs: TrainingRuns, small_disk: Path) -> None:
    run, size, newest = small_disk / "run", 64, ""
    while (done := runs.run("transformer", run)).code != 0:
        assert done.code == 5, done.error_text
        assert "no space left" in done.error_text
        assert f"{small_disk}/" in done.error_text
        before, newest = newest, max((path.name for path in run.glob("checkpoints/step-*")), default="")
        assert newest >= before
        assert leftovers(small_disk) == []
        size += 96
        subprocess.run(["mount", "-o", f"remount,size={size}k", small_disk], check=True)
    assert newest > "step-00000000"
    assert_equal(run, runs.whole("transformer"))


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 1024)


def test_b12_a_full_disk_of_the_journal_does_not_cost_the_state_if_the_checkpoints_have_room(
    runs: TrainingRuns, small_disk: Path, tmp_path: Path
) -> None:
    run, settings = small_disk / "run", ["training.steps=400", "training.save_every=50", "training.validate_every=400"]
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    stop = ("send", int(signal.SIGTERM), "translator.training.loop.Report", 2)
    assert runs.run("transformer", run, *settings, sabotage=[stop]).code == 143
    shutil.copytree(run / "checkpoints", tmp_path / "checkpoints")
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", run / "checkpoints"], check=True)
    try:
        shutil.copytree(tmp_path / "checkpoints", run / "checkpoints", dirs_exist_ok=True)
        training = runs.start("transformer", run, *settings)
        training.wait_for("step 4 of ")
        fill(small_disk / "other")
        done = training.wait()
        assert done.code == 5  # the final parameters are on the full disk
        assert f"warning: {run / 'journal.jsonl'}: no space left" in done.error_text
        assert done.error_text.count("training continues") == 1
        assert (run / "checkpoints/step-00000400").is_dir()
        (small_disk / "other").unlink()
        done = runs.run("transformer", run, *settings)
        assert done.code == 0
        assert "resuming from step 400" in done.error_text
    finally:
        subprocess.run(["umount", run / "checkpoints"], check=True)


def test_b16_checkpoints_and_a_journal_that_a_user_deletes_do_not_end_training(
    runs: TrainingRuns, tmp_path: Path
) -> None:
    settings = ["training.save_every=10", "training.steps=200", "training.validate_every=100", "training.keep_last=5"]
    training = runs.start("transformer", tmp_path / "run", *settings)
    training.wait_for("step 21 of ")
    training.send(signal.SIGSTOP)
    deleted = [path.name for path in (tmp_path / "run/checkpoints").glob("step-*")]
    assert deleted
    for name in deleted:
        shutil.rmtree(tmp_path / "run/checkpoints" / name)
    (tmp_path / "run/journal.jsonl").unlink()
    training.send(signal.SIGCONT)
    done = training.wait()
    assert done.code == 0
    for name in deleted:
        assert f"warning: {name} no longer exists; training continues without it" in done.error_text
    assert f"{tmp_path / 'run/journal.jsonl'}: was deleted or replaced during training" in done.error_text
    steps = [record["step"] for record in journal(tmp_path / "run") if record["event"] == "update"]
    assert steps == list(range(1, 201))


def test_b14_a_run_that_becomes_read_only_is_reported(runs: TrainingRuns, tmp_path: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else None
    run = tmp_path / "open" / "run"
    run.parent.mkdir()
    for folder in run.parents:
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o777)
    lines = {"training.save_every=1", "training.steps=500", "training.validate_every=500"}
    training = runs.start("transformer", run, *lines, user=user)
    training.wait_for("step 2 of ")
    (run / "checkpoints").chmod(0o555)
    done = training.wait()
    assert done.code == 5
    assert str(run / "checkpoints") in done.error_text
    assert "Permission denied" in done.error_text


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_b15_file_modes_follow_the_umask(umask: int, mode: int, runs: TrainingRuns, tmp_path: Path) -> None:
    assert runs.run("transformer", tmp_path / "run", "training.steps=1", umask=umask).code == 0
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert modes == {mode}


def test_b16_the_newest_and_the_best_are_kept(runs: TrainingRuns, tmp_path: Path) -> None:
    settings = "training.average=1", "training.keep_last=2", "training.save_every=1", "training.validate_every=2"
    stop = ("send", KILL, "translator.training.loop.Report", 7)
    assert runs.run("transformer", tmp_path / "run", *settings, sabotage=[stop]).code == -KILL
    best = max((r["bleu"], r["step"]) for r in map(read_progress, (tmp_path / "run").glob("checkpoints/step-*")))[1]
    assert {path.name[-1] for path in (tmp_path / "run").glob("checkpoints/step-*")} == {"5", "6", str(best)}
    scores = [float.fromhex(record["bleu"]) for record in journal(tmp_path / "run") if record["event"] == "validation"]
    assert best == 2 * max(number for number, score in enumerate(scores, 1) if score == max(scores))


def read_progress(path: Path) -> dict[str, float]:
    record = json.loads((path / "progress.json").read_bytes())
    return {"bleu": -1.0 if record["bleu"] is None else record["bleu"], "step": record["progress"]["step"]}


def test_b16_a_failed_save_deletes_nothing(runs: TrainingRuns, run: Path) -> None:
    before = snapshot(run / "checkpoints")
    place = "translator.training.checkpoint.write_part"
    done = runs.run("transformer", run, sabotage=[("fail", "OSError", place, 3, errno.EIO, "broken disk")])
    assert done.code == 5
    assert "broken disk" in done.error_text
    assert snapshot(run / "checkpoints") == before


@pytest.mark.parametrize("step", ["03", "10"])
def test_b17_a_checkpoint_of_a_newer_program_is_left_alone(step: str, runs: TrainingRuns, run: Path) -> None:
    manifest = run / "checkpoints" / f"step-000000{step}" / MANIFEST
    content = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps({**content, "format": 99, "translator": "77.0"}))
    before = snapshot(run)
    done = runs.run("transformer", run)
    assert done.code == 4
    assert "written by translator 77.0 in format 99, this is " in done.error_text
    assert "; upgrade translator" in done.error_text
    assert snapshot(run) == before


def test_a_failed_overwrite_leaves_the_run_as_it_was(runs: TrainingRuns, run: Path) -> None:
    before = snapshot(run)
    for setting, code in (
        ("corpus.max_words=1", 3),
        ("training.initialise_from=nowhere", 4),
        (f"training.initialise_from={run}", 2),
        (f"training.initialise_from={runs.whole('recurrent')}", 4),
    ):
        words = [*arguments("transformer", run), "--overwrite", "--set", setting]
        assert runs.commands.run(runs.folder, *words).code == code
        assert snapshot(run) == before


def test_damaged_final_parameters_are_written_again(runs: TrainingRuns, tmp_path: Path) -> None:
    whole, run = runs.whole("transformer"), tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "final/model.safetensors").write_bytes(b"")
    assert runs.run("transformer", run).code == 0
    assert_equal(run, whole)


def test_resuming_does_not_need_the_run_that_it_was_initialised_from(runs: TrainingRuns, tmp_path: Path) -> None:
    shutil.copytree(runs.whole("transformer"), tmp_path / "first")
    settings = f"training.initialise_from={tmp_path / 'first'}", "model.dropout=0.2"
    stop = ("send", int(signal.SIGTERM), "translator.training.loop.Report", 4)
    assert runs.run("transformer", tmp_path / "run", *settings, sabotage=[stop]).code == 143
    shutil.rmtree(tmp_path / "first")
    done = runs.run("transformer", tmp_path / "run", *settings)
    assert done.code == 0, done.error_text


def test_a_restart_by_torchrun_resumes_in_spite_of_overwrite(runs: TrainingRuns, tmp_path: Path) -> None:
    stop = ("send", int(signal.SIGTERM), "translator.training.loop.Report", 4)
    assert runs.run("transformer", tmp_path / "run", sabotage=[stop]).code == 143
    again = {"RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RESTART_COUNT": "1"}
    words = [*arguments("transformer", tmp_path / "run"), "--overwrite"]
    done = runs.commands.run(runs.folder, *words, environment=again)
    assert done.code == 0, done.error_text
    assert "resuming from step 4" in done.error_text


def test_an_overwritten_run_starts_over(runs: TrainingRuns, run: Path) -> None:
    done = runs.commands.run(runs.folder, *arguments("transformer", run), "--overwrite")
    assert done.code == 0, done.error_text
    assert "resuming" not in done.error_text
    assert_equal(run, runs.whole("transformer"))
    assert leftovers(run.parent) == []


def test_a_journal_that_is_a_link_is_not_followed(runs: TrainingRuns, run: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes((run / "journal.jsonl").read_bytes())
    (run / "journal.jsonl").unlink()
    (run / "journal.jsonl").symlink_to(tmp_path / "precious")
    before = (tmp_path / "precious").read_bytes()
    assert runs.run("transformer", run).code == 4
    assert (tmp_path / "precious").read_bytes() == before


def test_a_manifest_that_is_a_pipe_is_not_waited_for(commands: Commands, work: Path) -> None:
    manifest = work / "runs/demo/final/manifest.json"
    manifest.unlink()
    os.mkfifo(manifest)
    done = commands.run(work, "translate", "a dog")
    assert done.code == 4
    assert "manifest.json is damaged" in done.error_text


@pytest.mark.parametrize(
    "name", ["pairs.u64", "words.txt", "journal.jsonl", "prepared/about.json", "ctranslate2/export.json"]
)
def test_a_part_of_a_run_that_is_a_pipe_is_not_waited_for(commands: Commands, work: Path, name: str) -> None:
    part = work / "runs/demo" / name
    part.parent.mkdir(exist_ok=True)
    part.unlink(missing_ok=True)
    os.mkfifo(part)
    reseal(part.parent)
    more = ["train", "demo.toml", *sets(*SETTINGS["demo"], "training.steps=14"), "--output", "runs/demo"]
    for words in (["evaluate", "runs/demo"], ["report", "runs/demo"], more):
        done = commands.run(work, *words)
        assert done.code == 4
        assert f"{name}: illegal path" in done.error_text


@pytest.mark.parametrize("command", ["watch", "train"])
def test_a_lock_that_is_a_pipe_is_not_waited_for(commands: Commands, work: Path, command: str) -> None:
    os.mkfifo(work / "runs/.lock-demo")
    more = ["demo.toml", *sets(*SETTINGS["demo"], "training.steps=14"), "--output"] if command == "train" else []
    assert commands.run(work, command, *more, "runs/demo").code in (0, 5)


@pytest.mark.parametrize("deleted", [".lock-run", "run/run.json", "run/config.toml", "run/journal.jsonl"])
def test_no_deleted_file_lets_a_second_process_train_in_a_run(deleted: str, runs: TrainingRuns, tmp_path: Path) -> None:
    first = runs.start("transformer", tmp_path / "run")
    first.wait_for("step 1 of ")
    first.send(signal.SIGSTOP)
    (tmp_path / deleted).unlink()
    (tmp_path / ".lock-run").unlink(missing_ok=True)
    before = snapshot(tmp_path / "run")
    for extra in ([], ["--overwrite"]):
        second = runs.commands.run(runs.folder, *arguments("transformer", tmp_path / "run"), *extra)
        assert second.code == 5
        assert f"{tmp_path / 'run'}: in use by " in second.error_text
    assert snapshot(tmp_path / "run") == before
    first.send(signal.SIGKILL)
    first.wait()


def test_a_run_whose_supervisor_was_killed_is_resumed_at_once(runs: TrainingRuns, tmp_path: Path) -> None:
    first = runs.start("transformer", tmp_path / "run")
    first.wait_for("step 5 of ")
    first.send(signal.SIGKILL)  # its trainer dies a moment later
    done = runs.run("transformer", tmp_path / "run")
    assert done.code == 0, done.error_text
    assert first.wait().code == -KILL
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a_run_of_another_format_is_rejected_with_what_to_do(commands: Commands, work: Path) -> None:
    path = work / "runs/demo/run.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 1}))
    reseal(work / "runs/demo")
    problem = "runs/demo/run.json: written in run format 1, but this version reads format 2; train the run again"
    train = ["train", "demo.toml", *sets(*SETTINGS["demo"]), "--output", "runs/demo"]
    for words in (["translate", "a dog"], ["evaluate", "demo"], ["report", "demo"], ["watch", "demo"], train):
        done = commands.run(work, *words, *(["--run", "demo"] if words[0] == "translate" else []))
        assert done.code == 4
        assert done.error_text.count("\n") == 1
        assert problem in done.error_text
    assert commands.run(work, *train, "--overwrite").code == 0


def test_a_run_that_is_moved_while_it_trains_is_not_created_again(runs: TrainingRuns, tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    training = runs.start("transformer", run)
    training.wait_for("step 1 of ")
    training.send(signal.SIGSTOP)
    run.rename(elsewhere)
    training.send(signal.SIGCONT)
    done = training.wait()
    assert done.code == 5
    assert f"{run}: no longer exists" in done.error_text
    assert not run.exists()
    elsewhere.rename(run)
    assert runs.run("transformer", run).code == 0
    assert_equal(run, runs.whole("transformer"))
