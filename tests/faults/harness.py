"""Run the command as a user would, in its own process, and check what must hold in every row of the catalogue."""

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save

from translator.runs.folder import RunFolder
from translator.storage.manifest import write_manifest
from translator.training.checkpoint import MODEL, read_parameters

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")},
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
}
NOBODY = 65534
LONGEST_SECONDS = float(os.environ.get("LONGEST_SECONDS", "60"))


class Result(NamedTuple):
    """How a command ended."""

    code: int
    output: bytes
    errors: bytes

    @property
    def error_text(self) -> str:
        """Standard error as text."""
        return self.errors.decode("utf-8", "replace")

    @property
    def lines(self) -> list[str]:
        """Standard output, line by line."""
        return self.output.decode().split("\n")[:-1]


class Running:
    """A running command. `wait` waits for its end and checks what must hold in every row."""

    def __init__(self, pid: int, connection: socket.socket, outputs: tuple[Path, Path]) -> None:
        self.pid, self.connection, self.outputs = pid, connection, outputs

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the command still runs; SIGSTOP and SIGCONT, which a supervisor cannot forward, to its group."""
        send = os.killpg if number in (signal.SIGSTOP, signal.SIGCONT) else os.kill
        with contextlib.suppress(ProcessLookupError):
            send(self.pid, number)

    def end(self) -> None:
        """Kill the command and its children, suspended or not, unless it has ended."""
        if self.connection.fileno() >= 0 and not select.select([self.connection], [], [], 0)[0]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def errors_so_far(self) -> str:
        """Standard error so far."""
        return self.outputs[1].read_text("utf-8", "replace")

    def wait_for(self, text: str, seconds: float = LONGEST_SECONDS) -> None:
        """Wait until standard error contains the text."""
        until = time.monotonic() + seconds
        while text not in self.errors_so_far():
            assert time.monotonic() < until, f"{text!r} never came: {self.errors_so_far()}"
            assert not select.select([self.connection], [], [], 0.005)[0], f"ended early: {self.errors_so_far()}"

    def wait_at_most(self, seconds: float) -> None:
        """Wait this long, or until the command ends."""
        select.select([self.connection], [], [], seconds)

    def wait(self, seconds: float = LONGEST_SECONDS) -> Result:
        """Wait for the end and return the result. Fails for an internal error or a command that hangs."""
        self.connection.settimeout(seconds)
        try:
            code = int(self.connection.makefile().readline())
        except TimeoutError:
            self.end()
            raise AssertionError(f"still running after {seconds} s: {self.errors_so_far()}") from None
        finally:
            self.connection.close()
        if code == -signal.SIGKILL:
            self._wait_for_trainer()
        return checked(Result(code, *(path.read_bytes() if path.is_file() else b"" for path in self.outputs)))

    def _wait_for_trainer(self) -> None:
        """Wait for the end of a trainer whose supervisor was killed, which takes a moment."""
        until = time.monotonic() + 5
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(self.pid, 0)
                time.sleep(0.01)


def checked(result: Result) -> Result:
    """Return the same result after checking that its output is fit for a user."""
    text = result.error_text
    assert "Traceback" not in text, text
    assert result.code != 1, text
    start = text.find("error: ")
    if result.code > 0:
        assert start < 0 or text[start:].count("\n") <= 10, text
    return result


class Commands:
    """Starts commands; made once a test session."""

    def __init__(self, place: Path) -> None:
        self.place, self.count = place, 0
        self.running: list[Running] = []
        self.socket = place / "socket"
        words = [sys.executable, "-m", "tests.faults.forkserver", str(self.socket)]
        self.server = subprocess.Popen(
            words, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.server.stdout is not None
        assert self.server.stdout.readline() == "ready\n"

    def end_all(self) -> None:
        """Kill everything that a failed test left running or suspended."""
        for running in self.running:
            running.end()
        self.running.clear()

    def close(self) -> None:
        """End the server and its children."""
        self.end_all()
        self.server.communicate()

    def start(
        self,
        folder: Path,
        *arguments: str | Path,
        stdin: bytes | int = b"",
        output: Path | None = None,
        environment: Mapping[str, str | None] = {},
        limits: Mapping[str, int] = {},
        umask: int = 0o022,
        user: int | None = None,
        sabotage: Sequence[Sequence[object]] = (),
    ) -> Running:
        """Start a command in a folder; `stdin` is content or a descriptor.

        `limits` has names of `resource`, like RLIMIT_FSIZE; for `sabotage` see its module.
        """
        self.count += 1
        given = self.place / f"in-{self.count}"
        given.write_bytes(stdin if isinstance(stdin, bytes) else b"")
        outputs = (output or self.place / f"out-{self.count}", self.place / f"err-{self.count}")
        request = {
            "arguments": [str(one) for one in arguments],
            "folder": str(folder),
            "environment": surroundings(environment),
            "limits": dict(limits),
            "umask": umask,
            "user": user,
            "sabotage": list(sabotage),
        }
        with given.open("rb") as zero, outputs[0].open("wb") as one, outputs[1].open("wb") as two:
            descriptors = zero.fileno() if isinstance(stdin, bytes) else stdin, one.fileno(), two.fileno()
            self.running.append(Running(*self.send(request, descriptors), outputs))
        return self.running[-1]

    def send(self, request: dict[str, object], descriptors: tuple[int, int, int]) -> tuple[int, socket.socket]:
        """Start a command with these streams; return its pid and the connection that reports its end."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.socket))
        socket.send_fds(connection, [json.dumps(request).encode()], descriptors)
        return int(read_line(connection)), connection

    def on_terminal(
        self,
        folder: Path,
        *arguments: str | Path,
        environment: Mapping[str, str | None] = {},
        typed: Sequence[bytes] = (),
    ) -> Result:
        """Run a command on a pseudo-terminal, which gets both outputs (as `output`); `typed` are the answers to its prompts."""
        ours, theirs = pty.openpty()
        request = {
            "arguments": [str(one) for one in arguments],
            "folder": str(folder),
            "environment": surroundings({"TERM": "xterm", **environment}),
            "limits": {},
            "sabotage": [],
            "umask": 0o022,
            "user": None,
        }
        _, connection = self.send(request, (theirs, theirs, theirs))
        os.close(theirs)
        seen = b""
        for number, answer in enumerate(typed, 1):
            while seen.count(b"> ") < number:
                seen += os.read(ours, 65536)
            os.write(ours, answer)
        seen += read_terminal(ours)
        with connection:
            return checked(Result(int(read_line(connection)), seen, seen))

    def run(self, folder: Path, *arguments: str | Path, **options: object) -> Result:
        """Run a command to its end; options as for `start`."""
        return self.start(folder, *arguments, **options).wait()  # type: ignore[arg-type]


def read_line(connection: socket.socket) -> str:
    """Read one line and nothing beyond it."""
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1)
    return line.decode()


def surroundings(changes: Mapping[str, str | None]) -> dict[str, str]:
    """The environment of a command; a variable that is None is not set."""
    return {key: value for key, value in {**ENVIRONMENT, **changes}.items() if value is not None}


def execute(
    folder: Path, *arguments: str | Path, stdin: bytes = b"", environment: Mapping[str, str | None] = {}
) -> Result:
    """Run the command by exec, to test what a forked child cannot show: start-up, locale, imports."""
    words = [sys.executable, "-m", "translator", *map(str, arguments)]
    variables = surroundings(environment)
    done = subprocess.run(
        words, cwd=folder, env=variables, input=stdin, capture_output=True, check=False, timeout=LONGEST_SECONDS
    )
    return checked(Result(done.returncode, done.stdout, done.stderr))


def on_terminal(folder: Path, *arguments: str | Path, environment: Mapping[str, str | None] = {}) -> Result:
    """Run the command by exec on a pseudo-terminal, which gets both outputs (as `output`)."""
    ours, theirs = pty.openpty()
    variables = surroundings({"TERM": "xterm", **environment})
    words = [sys.executable, "-m", "translator", *map(str, arguments)]
    with subprocess.Popen(words, cwd=folder, env=variables, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = read_terminal(ours)
        process.wait(LONGEST_SECONDS)
    return checked(Result(process.returncode, seen, seen))


def read_terminal(ours: int) -> bytes:
    """Return everything that is written to a terminal until all processes have closed it."""
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal closes with its last writer
            part = b""
        if not part:
            os.close(ours)
            return seen
        seen += part


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, to check that nothing changed."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reseal(folder: Path) -> None:
    """Write a manifest that fits the changed files, as an attacker would."""
    (folder / "manifest.json").unlink(missing_ok=True)
    write_manifest(folder)


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that should be gone."""
    return [*folder.rglob(".tmp-*"), *folder.rglob(".lock-*")]


def make_it_write(run: Path, piece: str) -> None:
    """Change the final parameters of a run so that it generates this token forever."""
    number = RunFolder(run).tokenizer().target.piece_to_id(piece)
    weights = read_parameters(run / "final" / MODEL)
    weights["embeddings.bias_V"] = torch.zeros_like(weights["embeddings.bias_V"])
    weights["embeddings.bias_V"][number] = 1000.0
    (run / "final" / MODEL).write_bytes(save(weights))
    reseal(run / "final")
