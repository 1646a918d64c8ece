"""`translator watch`: the state of a run on a terminal and elsewhere, without changing the run."""

import csv
import io
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Program
from tests.report.test_heat_map import HOSTILE
from tests.runs.example import finish_run, write_run
from tests.training.example import update, validation, write_journal
from translator.cli import console
from translator.cli.watch import screen
from translator.jobs.show.watch import WatchedRun
from translator.runs.folder import JOURNAL, RECORD, RunFolder
from translator.runs.lock import lock_file
from translator.training.journal import JournalEvent


def written(folder: Path, *events: JournalEvent) -> Path:
    """Write the files of a run folder that `watch` reads."""
    write_run(folder)
    (folder / JOURNAL).unlink(missing_ok=True)
    write_journal(folder / JOURNAL, *events)
    return folder


def lock(run: Path, owner: int) -> Path:
    path = lock_file(run)
    path.write_text(str(owner))
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(Path("runs/one"), *map(update, range(1, 41)), validation(40))


@pytest.fixture
def nobody() -> Iterator[int]:
    """Return the pid of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_without_a_terminal_a_table_is_printed_once(run: Path, program: Program) -> None:
    result = program("watch", str(run))
    assert (result.code, result.errors) == (0, "")
    assert "\x1b" not in result.output
    first, _, _, *lines = result.output.splitlines()
    assert first == "runs/one: stopped after step 40; run the same `translator train` again to resume"
    assert [line.split() for line in lines[:4]] == [
        ["training", "loss", "2.00", "2.00", "1", "2.00"],
        ["cross-entropy", "1.50", "1.50", "40", "1.50"],
        ["perplexity", "4.48", "4.48", "40", "4.48"],
        ["BLEU", "33.25", "33.25", "40", "33.25"],
    ]
    assert lines[5].split()[-1] == "200.00"
    assert lines[-1] == "reference a dog"


def test_the_curves_of_several_runs_are_one_csv_with_every_recorded_number(run: Path, program: Program) -> None:
    written(Path("runs/two"), update(1), update(2)._replace(loss=math.nan, skipped=True), validation(2))
    result = program("watch", "one", "two", "--format", "csv")
    assert (result.code, result.errors) == (0, "")
    rows = list(csv.DictReader(io.StringIO(result.output)))
    names = ["run", "step", "seconds", "training_loss", "learning_rate", "cross_entropy", "perplexity", "bleu", "chrf"]
    assert list(rows[0]) == names
    assert [(row["run"], int(row["step"])) for row in rows] == [("one", n) for n in range(1, 41)] + [
        ("two", 1),
        ("two", 2),
    ]
    assert float(rows[39]["seconds"]) == pytest.approx(sum(update(n).seconds for n in range(1, 41)))
    measured = validation(40)
    assert [float(rows[39][name]) for name in names[5:8]] == [
        measured.cross_entropy,
        measured.perplexity,
        measured.bleu,
    ]
    assert (rows[38]["bleu"], rows[39]["training_loss"], rows[41]["training_loss"]) == ("", repr(update(40).loss), "")
    assert (
        program("watch", "--run", "two", "--format", "csv").output.splitlines()[1:] == result.output.splitlines()[-2:]
    )


def test_wrong_forms_and_several_runs_as_text_are_rejected(run: Path, program: Program) -> None:
    written(Path("runs/two"))
    assert "found 2 runs, expected 1; name one, or add --format csv" in program("watch", "one", "two").errors
    assert (
        "--format: found 'cvs', expected 'text' or 'csv'; did you mean 'csv'?"
        in program("watch", "--format", "cvs").errors
    )
    assert program("watch", "two", "--format", "csv").errors == "warning: runs/two: no updates are recorded\n"


def test_the_state_is_training_stopped_or_finished(run: Path, nobody: int) -> None:
    def state() -> tuple[bool, str]:
        is_running, text = WatchedRun(RunFolder(run)).refresh()
        return is_running, text.split(",")[0]

    assert state() == (False, "stopped after step 40; run the same `translator train` again to resume")
    lock(run, os.getpid())
    assert state() == (True, "training")
    lock(run, nobody)  # killed, or alive on another machine that shares the disk
    assert state() == (True, "training")
    os.utime(run / JOURNAL, (0, 0))
    assert state()[0] is False
    finish_run(run, step=40)
    assert state() == (False, "finished after step 40")
    lock(run, os.getpid())  # longer than it was at first
    assert state() == (True, "training")
    lock(run, nobody).unlink()
    finish_run(run, step=30)
    assert state()[1].startswith("stopped after step 40")


def test_a_run_that_resumed_from_an_earlier_checkpoint_is_shown_from_there(run: Path) -> None:
    watched = WatchedRun(RunFolder(run))
    watched.refresh()
    other = written(Path("other"), *map(update, range(1, 31)), update(31, 1.0))
    (other / JOURNAL).replace(run / JOURNAL)
    watched.refresh()
    assert watched.step == 31
    assert [point.step for point in watched.curves["training loss"].points] == list(range(1, 32))
    assert watched.samples == []


def test_without_an_argument_the_run_updated_last_is_shown(run: Path, program: Program) -> None:
    written(Path("runs/two"), update(1))
    for name in ("two", "one"):
        os.utime(f"runs/{name}/{JOURNAL}")
        time.sleep(0.02)
        assert program("watch").output.startswith(f"runs/{name}: ")


def test_a_missing_or_damaged_run_is_one_message(run: Path, program: Program) -> None:
    result = program("watch", "nowhere")
    assert (result.code, result.output) == (4, "")
    assert "nowhere: no such run" in result.errors
    (run / JOURNAL).write_bytes((run / JOURNAL).read_bytes()[:-9])
    result = program("watch", str(run))
    assert (result.code, result.errors) == (
        0,
        f"warning: {run}/{JOURNAL}: the last line is incomplete and was ignored\n",
    )
    (run / JOURNAL).write_text("[1]\n")
    result = program("watch", str(run))
    assert (result.code, result.output) == (4, "")
    assert f"{JOURNAL}:1: is damaged" in result.errors
    for missing in (False, True):
        (run / JOURNAL).unlink() if missing else (run / JOURNAL).write_bytes(b"")
        assert program("watch", str(run)).output.startswith("runs/one: stopped after step 0")
    (run / RECORD).unlink()
    result = program("watch")
    assert (result.code, "runs: holds no run" in result.errors) == (4, True)


@pytest.mark.parametrize("text", HOSTILE)
def test_control_characters_and_markup_of_samples_are_shown_as_text(run: Path, program: Program, text: str) -> None:
    written(run, update(1), validation(1, text=text))
    output = program("watch", str(run)).output
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", output)
    assert len(output.splitlines()) == len(
        program("watch", str(written(run, update(1), validation(1)))).output.splitlines()
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 20), (20, 10), (200, 60), (3, 2)])
def test_the_screen_fits_the_terminal(run: Path, width: int, height: int) -> None:
    watched = WatchedRun(RunFolder(run))
    for state in (watched.refresh()._replace(text="x" * 300), watched.refresh()):
        lines = screen(watched, state, width, height)
        assert len(lines) < height
        assert all(line.cell_len <= max(width, 20) for line in lines)
    if (width, height) in ((80, 24), (40, 20)):
        text = "\n".join(line.plain for line in lines)
        values = (
            "training loss 2.00",
            "cross-entropy 1.50",
            "perplexity 4.48",
            "BLEU 33.25",
            "learning rate",
            "tokens/s",
        )
        for part in (*values, "reference a dog"):
            assert part in text


def test_values_that_are_not_finite_are_left_out_of_the_curves(run: Path, program: Program) -> None:
    written(run, update(1, math.nan), validation(2, math.inf, math.nan, text="5"), update(3, 1e300, seconds=0.0))
    result = program("watch", str(run))
    assert result.code == 0
    assert "source    5" in result.output


def test_an_invalid_value_in_the_journal_is_one_message(run: Path, program: Program) -> None:
    (run / JOURNAL).write_text((run / JOURNAL).read_text().replace('"loss": 2.0', '"loss": "x"', 1))
    result = program("watch", str(run))
    assert (result.code, result.output) == (4, "")
    assert result.errors.count("\n") == 1
    assert f"{JOURNAL}:1: is damaged" in result.errors


def on_terminal(run: Path, **environment: str) -> tuple[subprocess.Popen[bytes], int]:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of Unix")
    ours, theirs = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR", "COLUMNS", "LINES")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1", **environment}
    words = [sys.executable, "-m", "translator", "watch", str(run)]
    process = subprocess.Popen(words, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    return process, ours


def read_until(terminal: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen and (more := os.read(terminal, 100_000)):
        seen += more
    return seen


def test_a_terminal_shows_a_run_until_it_ends_and_the_run_is_unchanged(run: Path) -> None:
    held, before = lock(run, os.getpid()), sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))
    process, terminal = on_terminal(run)
    assert b"\x1b[?1049h" in read_until(terminal, b"step 40")
    assert before == sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))
    write_journal(run / JOURNAL, update(41))
    read_until(terminal, b"step 41")
    held.unlink()
    seen = read_until(terminal, b"stopped after step 41")
    assert b"\x1b[?1049l" in seen  # the screen of before is back, with the last picture on it
    assert b"\x1b[?25h" in seen
    assert process.wait() == 0


def test_ctrl_c_stops_watching_and_restores_the_cursor(run: Path) -> None:
    lock(run, os.getpid())
    process, terminal = on_terminal(run, NO_COLOR="1")
    seen = read_until(terminal, b"step 40")
    process.send_signal(signal.SIGINT)
    seen += read_until(terminal, b"\x1b[?25h")
    assert process.wait() == 130
    assert not re.search(rb"\x1b\[3[0-9;]+m", seen)


@pytest.mark.parametrize(("term", "can_redraw"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_cannot_move_its_cursor_is_not_redrawn(
    term: str, can_redraw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("CI", raising=False)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    assert console.can_redraw(stream) is can_redraw
