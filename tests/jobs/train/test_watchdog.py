"""A parent process answers signals for the trainer: with sleeping, busy and native work, for signals sent to either process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from translator.jobs.train import watchdog

ROOT = Path(__file__).parents[3]
GRACE = 0.5
SCRIPT = f"""
import sys, time
from itertools import repeat
from translator.errors import TranslatorError
from translator.jobs.train import watchdog
from translator.jobs.train.signals import Stop, stop_requests

def sleep(): time.sleep(60)
def busy():
    while True: pass
def native(): sum(repeat(0))  # never ends, and never releases the interpreter lock
def crash(): import ctypes; ctypes.string_at(0)
def abort(): watchdog.os.abort()
def lose_memory(): watchdog.os._exit(127)  # as glibc does
def fail(): raise SystemExit(3)
def finish(): pass

def work():
    watchdog.note_saved_step(int(sys.argv[3]))
    try:
        with stop_requests() as request:
            if sys.argv[2] == "update":
                with request.deferred(), watchdog.grace({GRACE}):
                    print(watchdog.os.getpid(), flush=True)
                    globals()[sys.argv[1]]()
            else:
                print(watchdog.os.getpid(), flush=True)
                globals()[sys.argv[1]]()
    except Stop as stop:
        print("stopped", flush=True)
        raise SystemExit(stop.exit_code)
try:
    watchdog.supervise(work)
except TranslatorError as error:
    print("error:", error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


class Trainer:
    """A supervised process under way."""

    def __init__(self, work: str, phase: str = "update", step: int = 40, **options: object) -> None:
        words = [sys.executable, "-c", SCRIPT, work, phase, str(step)]
        self.process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            words, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=-1, stderr=-1, text=True, **options
        )
        output = self.process.stdout
        assert output is not None
        self.output: IO[str] = output
        self.child = int(self.output.readline())
        time.sleep(0.1)  # the child is at work

    def end(self) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
@pytest.mark.parametrize("work", ["sleep", "busy", "native"])
def test_an_update_that_hangs_ends_after_the_grace_period(work: str, number: signal.Signals) -> None:
    trainer, began = Trainer(work), time.monotonic()
    trainer.process.send_signal(number)
    assert trainer.end() == (
        128 + number,
        "",
        f"error: training: did not answer {number.name} within {GRACE} s and was killed; "
        "the same command resumes from step 40\n",
    )
    assert time.monotonic() - began >= GRACE
    assert not is_alive(trainer.child)


def test_without_a_checkpoint_training_starts_from_the_beginning() -> None:
    trainer = Trainer("native", step=0)
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.end()[2].endswith("; the same command starts from the beginning\n")


def test_native_code_is_ended_within_two_seconds_where_nothing_has_to_be_saved() -> None:
    trainer, began = Trainer("native", "preparation"), time.monotonic()
    trainer.process.send_signal(signal.SIGINT)
    assert trainer.end()[0] == 130
    assert time.monotonic() - began < watchdog.IDLE_SECONDS + 5  # on a busy machine
    assert watchdog.IDLE_SECONDS < 2


def test_a_signal_to_the_trainer_itself_is_noticed() -> None:
    trainer = Trainer("native")
    os.kill(trainer.child, signal.SIGTERM)
    code, _, errors = trainer.end()
    assert (code, "did not answer SIGTERM" in errors) == (143, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_trainer_that_answers_speaks_for_itself(number: signal.Signals) -> None:
    trainer = Trainer("sleep", "preparation")
    trainer.process.send_signal(number)
    assert trainer.end() == (128 + number, "stopped\n", "")


def test_a_signal_that_comes_to_both_processes_is_answered_once() -> None:
    for _ in range(3):
        trainer = Trainer("sleep", "preparation", start_new_session=True)
        os.killpg(trainer.process.pid, signal.SIGINT)
        assert trainer.end() == (130, "stopped\n", "")


def test_an_ignored_signal_stays_ignored() -> None:
    trainer = Trainer("sleep", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    trainer.process.send_signal(signal.SIGHUP)
    os.kill(trainer.child, signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        trainer.process.wait(2 * GRACE)
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.end()[0] == 143


@pytest.mark.parametrize(("work", "code"), [("finish", 0), ("fail", 3), ("crash", -signal.SIGSEGV)])
def test_the_supervisor_ends_as_the_trainer_ends(work: str, code: int) -> None:
    assert Trainer(work).end()[0] == code


@pytest.mark.parametrize("work", ["abort", "lose_memory"])
def test_native_code_that_aborts_the_trainer_is_reported(work: str) -> None:
    assert Trainer(work).end() == (
        5,
        "",
        "error: training: a native library aborted the process, as happens when memory runs out while a thread starts; "
        "free memory, or raise the limit shown by `ulimit -v`; the same command resumes from step 40\n",
    )


def test_an_exit_code_is_known_even_if_sigchld_was_ignored() -> None:
    assert Trainer("fail", preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)).end()[0] == 3


def test_killing_either_process_ends_both() -> None:
    trainer = Trainer("sleep")
    trainer.process.kill()
    assert trainer.end()[0] == -signal.SIGKILL
    until = time.monotonic() + 5
    while is_alive(trainer.child):
        assert time.monotonic() < until
        time.sleep(0.01)
    trainer = Trainer("sleep")
    os.kill(trainer.child, signal.SIGKILL)
    assert trainer.end()[0] == -signal.SIGKILL


def test_the_command_forks_before_torch_is_imported() -> None:
    script = (
        "import sys\n"
        "from translator.cli import app\n"
        "from translator.jobs.train import watchdog\n"
        "watchdog.supervise = lambda work: print('torch' in sys.modules)\n"
        "sys.argv = ['translator', 'train', 'demo']\n"
        "app.run()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
