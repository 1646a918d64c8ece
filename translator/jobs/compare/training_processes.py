"""Train runs in `translator train` processes, one after the other or several at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from translator.errors import TranslatorError
from translator.jobs.train.signals import handle_signals

_POLL_SECONDS = 0.1


def train_command(
    config: Path, folder: Path, *, overrides: Sequence[str], device: str, made_by: str, overwrite: bool = False
) -> list[str]:
    """Return the command line that trains a config in a run folder."""
    command = [sys.executable, "-m", "translator", "train", str(config), "--output", str(folder)]
    command += ["--device", device, "--made-by", made_by]
    command += [word for override in overrides for word in ("--set", override)]
    return [*command, "--overwrite"] if overwrite else command


def run_commands(commands: Mapping[str, Sequence[str]], *, num_processes: int, notify: Callable[[str], None]) -> None:
    """Run the commands, at most `num_processes` at once, and wait for all. The keys name them in messages.

    With several processes, each line that a command writes to standard error goes to `notify` with the name before it;
    a single process at a time shares our standard error. If a signal arrives or a command fails, the running commands
    get the signal (SIGTERM after a failure), no further ones start, and TranslatorError is raised once all have ended.
    """
    waiting, running, num_done = deque(commands.items()), list[_Process](), 0
    signals, failed = list[int](), list[_Process]()
    with handle_signals(lambda number, _frame: signals.append(number)), ExitStack() as at_exit:
        while running or (waiting and not signals and not failed):
            if signals or failed:
                for process in running:
                    process.stop(signals[0] if signals else signal.SIGTERM)
            elif waiting and len(running) < num_processes:
                name, command = waiting.popleft()
                notify(f"training {name} ({len(commands) - len(waiting)} of {len(commands)})")
                running.append(_Process(name, command, notify if num_processes > 1 else None))
                # An error in this process leaves no command running.
                at_exit.callback(running[-1].stop, signal.SIGTERM)
                continue
            time.sleep(_POLL_SECONDS)
            for process in [process for process in running if process.has_ended]:
                running.remove(process)
                if process.exit_code:
                    failed.append(process)
                    continue
                num_done += 1
                notify(f"{process.name} finished after {process.seconds:.0f} s ({num_done} of {len(commands)})")
    advice = "the same command resumes"
    if signals:
        error = TranslatorError("training", f"stopped by {signal.Signals(signals[0]).name}", advice)
        error.exit_code = 128 + signals[0]
        raise error
    if failed:
        process, reason = failed[0], f" ({failed[0].last_line})" if failed[0].last_line else ""
        others = "the other runs were stopped and saved; " if len(commands) > 1 and num_processes > 1 else ""
        problem = f"training ended with exit code {process.exit_code}{reason}"
        error = TranslatorError(process.name, problem, others + advice)
        error.exit_code = process.exit_code
        raise error


class _Process:
    """A running command; `notify` gets its lines on standard error; with None it shares our standard error."""

    def __init__(self, name: str, command: Sequence[str], notify: Callable[[str], None] | None) -> None:
        self.name, self.last_line, self.was_stopped = name, "", False
        self._began = time.monotonic()
        # The package that is running now, not a package of the same name in the current directory.
        paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._child = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if notify else None,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._reader = threading.Thread(target=self._relay, args=(notify,), daemon=True)
        self._reader.start()

    def _relay(self, notify: Callable[[str], None] | None) -> None:
        """Pass on the lines that the command writes, and keep the last one."""
        if notify is None or self._child.stderr is None:
            return
        with self._child.stderr as lines:
            for line in lines:
                notify(f"{self.name}: {line.rstrip()}")
                self.last_line = line.rstrip().removeprefix("error: ")

    def stop(self, number: int) -> None:
        """Send a signal to a running command; later calls change nothing."""
        if not self.was_stopped and self._child.poll() is None:
            self.was_stopped = True
            with suppress(ProcessLookupError):
                self._child.send_signal(number)

    @property
    def has_ended(self) -> bool:
        """Whether the command has ended and its last line is read."""
        if self._child.poll() is None:
            return False
        self._reader.join(timeout=1)  # a grandchild may keep standard error open for longer
        return True

    @property
    def exit_code(self) -> int:
        """The exit code of a command that has ended, as a shell reports it."""
        # A negative number is that of the signal that ended the process.
        code = self._child.returncode
        return 128 - code if code < 0 else code

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
