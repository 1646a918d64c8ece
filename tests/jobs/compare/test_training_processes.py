"""Processes side by side: their lines, failures and signals are passed on, and none is left running."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from translator.errors import TranslatorError
from translator.jobs.compare.training_processes import run_commands, train_command


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def waits(folder: Path, name: str) -> list[str]:
    """A command that ends with exit code 128 + the signal that it receives, and leaves a file of its name."""
    return python(
        "import signal, pathlib, time\n"
        f"folder, name = pathlib.Path({str(folder)!r}), {name!r}\n"
        "def stop(number, frame):\n"
        "    (folder / f'{name}.stopped').write_text(str(number))\n"
        "    raise SystemExit(128 + number)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "signal.signal(signal.SIGINT, stop)\n"
        "(folder / f'{name}.ready').touch()\n"
        "time.sleep(60)\n"
    )


def wait_for(*paths: Path) -> None:
    until = time.monotonic() + 60
    while not all(path.exists() for path in paths):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def lines() -> list[str]:
    """Return the list that messages are added to."""
    return []


@pytest.mark.parametrize("num_processes", [1, 2, 3])
def test_no_more_commands_run_at_once_than_asked_for(tmp_path: Path, lines: list[str], num_processes: int) -> None:
    code = (
        f"import pathlib, time; folder = pathlib.Path({str(tmp_path)!r}); mine = folder / '{{0}}.running'\n"
        "mine.touch(); time.sleep(0.2); (folder / '{0}.count').write_text(str(len(list(folder.glob('*.running')))))\n"
        "mine.unlink()"
    )
    commands = {name: python(code.format(name)) for name in "abcd"}
    run_commands(commands, num_processes=num_processes, notify=lines.append)
    counts = [int(path.read_text()) for path in tmp_path.glob("*.count")]
    assert len(counts) == 4
    assert max(counts) <= num_processes
    assert [line for line in lines if line.startswith("training")] == [
        f"training {name} ({number} of 4)" for number, name in enumerate("abcd", 1)
    ]
    assert sum("finished after" in line for line in lines) == 4


def test_lines_carry_the_name_of_their_command(lines: list[str]) -> None:
    code = "import sys; print('result'); print('step 1 {0}', file=sys.stderr)"
    run_commands({name: python(code.format(name)) for name in "ab"}, num_processes=2, notify=lines.append)
    assert sorted(line for line in lines if "step" in line) == ["a: step 1 a", "b: step 1 b"]
    assert not any("result" in line for line in lines)


def test_a_failure_stops_the_others_and_is_reported(tmp_path: Path, lines: list[str]) -> None:
    fails = python(
        f"import pathlib, sys, time\nwhile not pathlib.Path({str(tmp_path / 'good.ready')!r}).exists():\n"
        "    time.sleep(0.01)\nprint('error: data: no', file=sys.stderr)\nsys.exit(3)"
    )
    commands = {"good": waits(tmp_path, "good"), "bad": fails, "later": waits(tmp_path, "later")}
    message = (
        r"^bad: training ended with exit code 3 \(data: no\); "
        r"the other runs were stopped and saved; the same command resumes$"
    )
    with pytest.raises(TranslatorError, match=message) as error:
        run_commands(commands, num_processes=2, notify=lines.append)
    assert error.value.exit_code == 3
    assert (tmp_path / "good.stopped").read_text() == str(int(signal.SIGTERM))
    assert not (tmp_path / "later.ready").exists()


@pytest.mark.parametrize("num_processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_every_command(tmp_path: Path, lines: list[str], number: int, num_processes: int) -> None:
    names = "abc"[:num_processes]

    def stop() -> None:
        wait_for(*(tmp_path / f"{name}.ready" for name in names))
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(TranslatorError, match=r"^training: stopped by SIG[A-Z]+; the same command resumes$") as error:
        run_commands({name: waits(tmp_path, name) for name in "abc"}, num_processes=num_processes, notify=lines.append)
    assert error.value.exit_code == 128 + number
    assert {path.name: path.read_text() for path in tmp_path.glob("*.stopped")} == {
        f"{name}.stopped": str(int(number)) for name in names
    }
    assert signal.getsignal(number) is before


def test_a_killed_command_has_the_exit_code_that_a_shell_gives(lines: list[str]) -> None:
    with pytest.raises(TranslatorError, match=r"^a: training ended with exit code 137; the same command") as error:
        run_commands({"a": python("import os; os.kill(os.getpid(), 9)")}, num_processes=2, notify=lines.append)
    assert error.value.exit_code == 137


def test_a_package_of_the_same_name_in_the_current_folder_is_not_run(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "translator.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    run_commands({"version": [sys.executable, "-m", "translator", "--version"]}, num_processes=2, notify=lines.append)


def test_the_command_names_every_option() -> None:
    command = train_command(
        Path("a.toml"), Path("runs/a"), overrides=["x=1", "y=2"], device="cuda:1", made_by="compare", overwrite=True
    )
    assert (
        command[2:]
        == (
            "translator train a.toml --output runs/a --device cuda:1 --made-by compare --set x=1 --set y=2 --overwrite"
        ).split()
    )
