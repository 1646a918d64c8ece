"""A small trained run and the command line as fixtures."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from translator.cli.app import run as run_program
from translator.jobs.train import watchdog

ROOT = Path(__file__).parent.parent.parent
TINY = [
    "model.dim=16", "model.feed_forward_dim=16", "encoder.num_layers=1", "decoder.num_layers=1", "training.steps=6",
    "training.batch_tokens=256", "training.validate_every=3", "training.save_every=2", "training.log_every=2",
    "training.average=2", "tokenizer.vocab_size=320", "decoding.beam_size=2",
]  # fmt: skip
TINY_RECURRENT = [
    "model.embedding_dim=16", "encoder.hidden_dim=8", "decoder.hidden_dim=16", "tokenizer.vocab_size=320",
    "training.steps=4", "training.batch_tokens=256", "training.validate_every=4", "decoding.beam_size=2",
]  # fmt: skip


class Result(NamedTuple):
    code: int
    output: str
    errors: str


Program = Callable[..., Result]


def sets(overrides: list[str]) -> list[str]:
    """Return a --set for each override; of several values of a setting, the last."""
    last = {override.partition("=")[0]: override for override in overrides}
    return [part for override in last.values() for part in ("--set", override)]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run the command line in this process; return its exit code and both outputs."""

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
        monkeypatch.setattr(sys, "argv", ["translator", *map(str, arguments)])
        monkeypatch.setattr(watchdog, "supervise", lambda work: work())  # a child could not write to these streams
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            monkeypatch.setattr(sys, name, stream)
        code = run_program()
        output, errors = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
        assert "Traceback" not in errors
        return Result(code, output, errors)

    return call


def small_corpus(folder: Path) -> Path:
    """Write a small part of the demo corpus and the configs that train on it."""
    folder.mkdir()
    for split, count in (("train", 300), ("valid", 12), ("test", 12)):
        for suffix in ("en", "de", "kind"):
            path = ROOT / "data" / f"{split}.{suffix}"
            if path.is_file():
                (folder / path.name).write_text("".join(path.read_text().splitlines(keepends=True)[:count]))
    for name in ("demo", "demo-additive"):
        text = (ROOT / "configs" / f"{name}.toml").read_text().replace('"../data"', '"."')
        (folder / f"{name}.toml").write_text(text)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corpus and `runs/demo`, a finished Transformer."""
    folder = small_corpus(tmp_path_factory.mktemp("whole") / "corpus")
    done = command(folder, "train", "demo.toml", *sets(TINY), "--output", "runs/demo")
    assert (done.returncode, done.stdout) == (0, "runs/demo\n"), done.stderr
    return folder


def command(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "translator", *arguments]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a copy of the trained folder that a test may damage."""
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"
