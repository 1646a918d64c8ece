"""Rows C of the catalogue: signals, processes that are killed or suspended, several processes."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.harness import ENVIRONMENT, leftovers
from tests.faults.runs import TrainingRuns, arguments, assert_equal, journal

HUP, INT, TERM, USR1 = map(int, (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1))


@pytest.mark.parametrize(("number", "code"), [(TERM, 143), (INT, 130), (USR1, 138), (HUP, 129)])
def test_c01_c04_c09_a_signal_is_answered_with_a_saved_state(
    number: int, code: int, runs: TrainingRuns, tmp_path: Path
) -> None:
    training = runs.start("transformer", tmp_path / "run", "training.steps=5000", "training.validate_every=5000")
    training.wait_for("step 5 of ")
    training.send(signal.Signals(number))
    done = training.wait(10)
    assert done.code == code
    step = len(journal(tmp_path / "run"))
    name = signal.Signals(number).name
    told = (
        f"error: step {step}: stopped by {name}, state saved in {tmp_path / 'run'}; the same command resumes training\n"
    )
    assert done.error_text.endswith(told)
    assert (tmp_path / "run" / "checkpoints" / f"step-{step:08d}").is_dir()


def test_c02_ctrl_c_on_a_terminal_saves_and_gives_the_cursor_back(runs: TrainingRuns, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "translator", *arguments("transformer", tmp_path / "run", "training.steps=5000")]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(runs.folder)
        os.execve(words[0], words, {**ENVIRONMENT, "TERM": "xterm"})
    seen, sent = b"", False
    while True:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the terminal closes with its last writer
            break
        if b"loss" in seen and not sent:
            sent = os.write(terminal, b"\x03") == 1
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert b"stopped by SIGINT, state saved in" in seen
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")
    assert b"Traceback" not in seen


@pytest.mark.parametrize(("handler", "code"), [(signal.SIG_DFL, 129), (signal.SIG_IGN, 0)])
def test_c09_a_terminal_that_closes_loses_nothing(
    runs: TrainingRuns, tmp_path: Path, handler: signal.Handlers, code: int
) -> None:
    steps = "training.steps=40"
    words = [sys.executable, "-m", "translator", *arguments("transformer", tmp_path / "run", steps)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(runs.folder)
        signal.signal(signal.SIGHUP, handler)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execve(words[0], words, {**ENVIRONMENT, "TERM": "xterm"})
    while b"loss" not in os.read(terminal, 65536):
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    assert runs.run("transformer", tmp_path / "run", steps).code == 0


@pytest.mark.parametrize("place", ["inside validation", "inside a validation translation"])
def test_c06_a_signal_in_a_validation_is_answered_at_once(place: str, runs: TrainingRuns, tmp_path: Path) -> None:
    runs.interrupted("transformer", tmp_path / "run", place, TERM)
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_c06_a_validation_that_was_stopped_and_then_killed_is_in_the_journal_once(
    runs: TrainingRuns, tmp_path: Path
) -> None:
    stop = ("send", TERM, "translator.jobs.train.run_loop.mean_cross_entropy", 1)
    kill = ("send", int(signal.SIGKILL), "translator.training.checkpoint.write_part", 1)
    assert runs.run("transformer", tmp_path / "run", sabotage=[stop]).code == 143
    assert runs.run("transformer", tmp_path / "run", sabotage=[kill]).code == -signal.SIGKILL
    assert [record["event"] for record in journal(tmp_path / "run")] == [*["update"] * 6, "validation"]
    assert runs.run("transformer", tmp_path / "run").code == 0
    assert_equal(tmp_path / "run", runs.whole("transformer"))


WRITING = "translator.training.checkpoint.write_part"


def test_c06_the_first_of_many_signals_counts(runs: TrainingRuns, tmp_path: Path) -> None:
    send = ("send", TERM, "translator.jobs.train.run_loop.mean_cross_entropy", 1), ("send", INT, WRITING, 5, 3)
    done = runs.run("transformer", tmp_path / "run", sabotage=send)
    assert done.code == 143
    assert [record["event"] for record in journal(tmp_path / "run")] == ["update"] * 6
    assert "step 6: stopped by SIGTERM" in done.error_text
    assert runs.run("transformer", tmp_path / "run").code == 0
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a_signal_before_the_run_folder_exists_leaves_nothing(runs: TrainingRuns, tmp_path: Path) -> None:
    for place in ("translator.jobs.train.prepare.train_tokenizer", "translator.jobs.train.prepare.write_part"):
        done = runs.run("transformer", tmp_path / "runs" / "x", sabotage=[("send", TERM, place, 1)])
        assert done.code == 143
        assert "before the first update: stopped by SIGTERM; run the same command again" in done.error_text
        assert list(tmp_path.iterdir()) == []


def test_c11_an_update_that_hangs_is_ended_and_the_message_names_the_checkpoint(
    runs: TrainingRuns, tmp_path: Path
) -> None:
    run, hang = tmp_path / "run", ("hang", "translator.training.loop.Report", 5)
    short = ("replace", "translator.jobs.train.run_loop.UPDATE_SECONDS", 0.5)
    training = runs.start("transformer", run, sabotage=[hang, short])
    training.wait_for("step 4 of ")
    training.send(signal.SIGTERM)
    done = training.wait(10)
    assert done.code == 143
    expected = "did not answer SIGTERM within 0.5 s and was killed; the same command resumes from step 3\n"
    assert done.error_text.endswith(f"error: training: {expected}")
    assert runs.run("transformer", run).code == 0
    assert_equal(run, runs.whole("transformer"))


@pytest.mark.parametrize(("number", "code"), [(TERM, 143), (INT, 130)])
def test_c12_a_signal_in_the_native_code_of_a_preparation_is_answered_within_two_seconds(
    number: int, code: int, runs: TrainingRuns, tmp_path: Path
) -> None:
    hang = ("hang", "sentencepiece.SentencePieceTrainer.train", 1)
    training = runs.start("transformer", tmp_path / "run", sabotage=[hang])
    training.wait_for("training pairs: ")
    time.sleep(0.2)
    training.send(signal.Signals(number))
    done = training.wait(10)
    assert done.code == code
    assert done.error_text.endswith("within 1 s and was killed; the same command starts from the beginning\n")
    assert runs.run("transformer", tmp_path / "run").code == 0


def test_c12_a_signal_during_a_callback_of_sentencepiece_is_not_its_error(runs: TrainingRuns, tmp_path: Path) -> None:
    stop = ("signal_in_iterator", TERM)
    done = runs.run("transformer", tmp_path / "run", sabotage=[stop])
    assert done.code == 143
    assert "before the first update: stopped by SIGTERM; run the same command again" in done.error_text
    assert "SentencePiece" not in done.error_text


def test_c07_a_killed_process_ends_all_and_the_restart_resumes_from_one_step(
    runs: TrainingRuns, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1"]
    words = [*torchrun, "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "-m", "translator"]
    words += arguments("transformer", run, "training.steps=100", "training.validate_every=100")
    training = subprocess.Popen(
        words,
        cwd=runs.folder,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 90
        while not (run / "checkpoints" / "step-00000006").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        children = subprocess.run(["pgrep", "-P", str(training.pid)], capture_output=True, text=True, check=True)
        os.kill(int(children.stdout.split()[-1]), signal.SIGKILL)
        output, errors = training.communicate(timeout=120)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(training.pid, signal.SIGKILL)
    assert training.returncode == 0, errors.decode()
    assert errors.count(b"resuming from step") == 1
    assert output.decode() == f"{run}\n"
    steps = [record["step"] for record in journal(run) if record["event"] == "update"]
    assert steps == list(range(1, 101))
    assert leftovers(tmp_path) == []


@pytest.mark.skip(reason="void: batches are not made by worker processes")
def test_c08_a_loader_that_dies() -> None: ...


def test_c09_a_terminal_that_closes_does_not_matter_under_nohup(runs: TrainingRuns, tmp_path: Path) -> None:
    ignored = ("call", "signal.signal", HUP, int(signal.SIG_IGN))
    hung_up = ("send", HUP, "translator.training.loop.Report", 3)
    assert runs.run("transformer", tmp_path / "run", sabotage=[ignored, hung_up]).code == 0
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a_command_that_is_held_ends_with_its_test(runs: TrainingRuns, tmp_path: Path) -> None:
    training = runs.start("transformer", tmp_path / "run")
    training.wait_for("step 2 of ")
    training.send(signal.SIGSTOP)
    runs.commands.end_all()
    assert training.wait(5).code == -signal.SIGKILL


def test_c10_training_that_was_suspended_and_continued_is_the_same(runs: TrainingRuns, tmp_path: Path) -> None:
    training = runs.start("transformer", tmp_path / "run")
    training.wait_for("step 2 of ")
    training.send(signal.SIGSTOP)
    time.sleep(1)
    training.send(signal.SIGCONT)
    assert training.wait().code == 0
    assert_equal(tmp_path / "run", runs.whole("transformer"))
