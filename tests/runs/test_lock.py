"""Only one live process at a time holds a run folder, even if files are deleted."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.runs.example import write_run
from translator.errors import MachineError
from translator.runs import lock as lock_module
from translator.runs.folder import RunFolder
from translator.runs.lock import RunLock, is_training, lock_file

HOLD = """
import sys
from pathlib import Path
from translator.runs.lock import RunLock
lock = RunLock(Path(sys.argv[1]), print)
lock.acquire()
print("locked", flush=True)
input()
lock.close()
"""


class Holder:
    """Another process that holds the lock on a run."""

    def __init__(self, run: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "locked\n"

    def end(self) -> None:
        self.process.communicate("\n")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs/demo")


@pytest.fixture
def holder(run: RunFolder) -> Iterator[Holder]:
    holder = Holder(run.path)
    yield holder
    holder.process.kill()
    holder.process.communicate()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "RETRY_SECONDS", 0.1)


def taken(run: RunFolder) -> str | None:
    """Try to take the lock, and give it back; returns the error if there is one."""
    with closing(RunLock(run.path, print)) as lock:
        try:
            lock.acquire()
        except MachineError as error:
            return str(error)
    return None


@pytest.mark.usefixtures("impatient")
def test_a_second_process_is_refused_with_the_pid_of_the_first(run: RunFolder, holder: Holder) -> None:
    refusal = f"{run.path}: in use by pid {holder.process.pid}; wait for it or stop it"
    assert taken(run) == refusal
    assert taken(run) == refusal
    holder.end()
    assert taken(run) is None


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("deleted", ["lock file", "all files", "lock file and run.json"])
def test_no_deleted_file_lets_a_second_process_in(deleted: str, run: RunFolder, holder: Holder) -> None:
    lock_file(run.path).unlink()
    if deleted == "all files":
        shutil.rmtree(run.path, ignore_errors=True)
        run.path.mkdir(exist_ok=True)
    elif deleted != "lock file":
        (run.path / "run.json").unlink()
    refusal = taken(run)
    if deleted == "all files":  # and the folder: there is nothing left of the run
        assert refusal is None
        return
    assert refusal is not None
    has_lock_list = Path("/proc/locks").exists()
    assert f"in use by pid {holder.process.pid}" in refusal if has_lock_list else "in use by another" in refusal
    assert is_training(run, 0)


@pytest.mark.usefixtures("impatient")
def test_a_run_that_does_not_exist_yet_is_locked_too(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "new/demo")
    holder = Holder(run.path)
    lock_file(run.path).unlink()
    assert "in use by" in str(taken(run))
    holder.end()
    assert list(tmp_path.iterdir()) == []  # nothing was written, so nothing stays
    assert taken(run) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("impatient")
def test_the_folder_that_replaces_another_is_locked(run: RunFolder) -> None:
    with closing(RunLock(run.path, print)) as lock:
        lock.acquire()
        run.path.rename(run.path.with_name("old"))
        write_run(run.path)
        lock.hold_folder()
        lock_file(run.path).unlink()
        assert "in use by" in str(taken(run))
        assert taken(RunFolder(run.path.with_name("old"))) is None


@pytest.mark.usefixtures("impatient")
def test_a_process_that_is_overtaken_while_it_replaces_the_folder_stops(run: RunFolder) -> None:
    with closing(RunLock(run.path, print)) as lock:
        lock.acquire()
        lock_file(run.path).unlink()
        run.path.rename(run.path.with_name("old"))
        write_run(run.path)
        other = Holder(run.path)
        with pytest.raises(MachineError, match="in use by"):
            lock.hold_folder()
    assert "in use by" in str(taken(run))
    other.end()
    assert taken(run) is None


@pytest.mark.usefixtures("impatient")
def test_a_run_that_was_moved_stays_locked_under_both_names(run: RunFolder, holder: Holder) -> None:
    moved = RunFolder(run.path.rename(run.path.with_name("moved")))
    assert "in use by" in str(taken(run))
    assert "in use by" in str(taken(moved))


def test_the_lock_of_a_killed_process_is_taken_over(run: RunFolder, holder: Holder) -> None:
    holder.process.kill()
    holder.process.wait()
    assert lock_file(run.path).read_text() == str(holder.process.pid)
    assert taken(run) is None
    assert not lock_file(run.path).exists()


def test_what_a_killed_owner_left_is_recovered(run: RunFolder, holder: Holder) -> None:
    holder.process.kill()
    holder.process.wait()
    run.path.rename(run.path.with_name(f".tmp-demo-{holder.process.pid}.old"))
    run.path.with_name(f".tmp-demo-{holder.process.pid}").mkdir()
    assert taken(run) is None
    assert [path.name for path in run.path.parent.iterdir()] == ["demo"]
    assert run.is_run


def test_a_process_that_is_about_to_end_is_waited_for(run: RunFolder, holder: Holder) -> None:
    ending = subprocess.Popen(
        [sys.executable, "-c", f"import os, time; time.sleep(0.7); os.kill({holder.process.pid}, 9)"]
    )
    started = time.monotonic()
    assert taken(run) is None
    assert time.monotonic() - started < lock_module.RETRY_SECONDS
    assert ending.wait() == 0
    assert holder.process.wait() == -signal.SIGKILL


def test_a_lock_that_is_deleted_by_its_last_owner_does_not_count(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, calls = lock_module.fcntl.flock, 0

    def flock(descriptor: int, operation: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            lock_file(run.path).unlink()  # between open and flock
        inner(descriptor, operation)

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    with closing(RunLock(run.path, print)) as lock:
        lock.acquire()
        assert lock_file(run.path).read_text() == str(os.getpid())


def test_a_file_system_without_locks_is_reported_once(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    notices: list[str] = []
    with closing(RunLock(run.path, notices.append)) as lock:
        lock.acquire()
    reason = "cannot be locked here (Function not implemented); make sure that no other process trains in it"
    assert notices == [f"{run.path} {reason}"]


def test_a_lock_file_that_is_a_link_is_not_followed(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    lock_file(run.path).symlink_to(tmp_path / "precious")
    with closing(RunLock(run.path, print)) as lock, pytest.raises(MachineError, match="cannot be written"):
        lock.acquire()
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_run_trains_while_it_is_locked(run: RunFolder, holder: Holder) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in run.path.rglob("*"))
    assert is_training(run, 0)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in run.path.rglob("*"))
    holder.end()
    assert not is_training(run, 60)


def test_a_lock_file_of_another_machine_counts_while_the_journal_is_written(run: RunFolder, holder: Holder) -> None:
    holder.process.kill()
    holder.process.wait()
    assert is_training(run, 60)
    assert not is_training(run, 0)
    os.utime(run.path / "run.json", (0, 0))
    assert not is_training(run, 60)
