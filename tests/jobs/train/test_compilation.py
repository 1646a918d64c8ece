"""While torch.compile works on the first update, the wait is reported and signals are answered at once."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.jobs.train.conftest import Train
from translator.jobs.train import compilation
from translator.jobs.train.signals import Stopped
from translator.jobs.train.watchdog import IDLE_SECONDS

ROOT = Path(__file__).parents[3]
BUSY_SECONDS = 5
"""A busy machine may take longer than the two seconds that are promised."""


def slow_compile(act: Callable[[], object]) -> Callable[..., Callable[..., torch.Tensor]]:
    """A torch.compile whose result does something before its first call."""

    def replacement(forward: Callable[..., torch.Tensor], *, dynamic: bool) -> Callable[..., torch.Tensor]:
        waits: Iterator[object] = iter([act])

        def compiled(*arguments: torch.Tensor) -> torch.Tensor:
            for wait in waits:
                wait()  # type: ignore[operator]
            return forward(*arguments)

        return compiled

    return replacement


COMPILED = "ops.compile=true", "training.steps=3"


def test_the_wait_is_reported_until_the_first_update_is_done(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_NOTICE_SECONDS", 0.2)
    monkeypatch.setattr(torch, "compile", slow_compile(lambda: time.sleep(0.5)))
    lines = train("reported", *COMPILED)[1].lines
    first = next(index for index, line in enumerate(lines) if line.startswith("compiling the model"))
    waits = [index for index, line in enumerate(lines) if re.fullmatch(r"compiling for \d+ s \.\.\.", line)]
    assert waits[:2] == [first + 1, first + 2]
    assert len(waits) < 10


def test_a_signal_while_compiling_ends_training_at_once(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(torch, "compile", slow_compile(interrupt))
    with pytest.raises(Stopped, match="before the first update: stopped by SIGTERM"):
        train("stopped", *COMPILED)


def test_native_code_of_a_compiler_is_ended_within_two_seconds(corpus: Path) -> None:
    script = (
        "import itertools, sys\n"
        "from pathlib import Path\n"
        "from translator.jobs.train.watchdog import supervise\n"
        "def work():\n"
        "    import torch\n"
        "    from tests.jobs.train.conftest import train_in\n"
        "    from tests.jobs.train.test_compilation import COMPILED, slow_compile\n"
        "    def hang():\n"
        "        print('compiling', flush=True)\n"
        "        sum(itertools.repeat(0))\n"
        "    torch.compile = slow_compile(hang)\n"
        "    train_in(Path(sys.argv[1]), 'native', *COMPILED)\n"
        "supervise(work)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(corpus)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "compiling\n"
    time.sleep(0.5)  # native code has begun, so that no Python handler can answer
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < IDLE_SECONDS + BUSY_SECONDS
    assert "did not answer SIGINT within 1 s and was killed; the same command starts from the beginning" in errors
