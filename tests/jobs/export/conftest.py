"""A run that has learned to translate word by word, and the command line."""

import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from translator.cli.app import run as run_program
from translator.config import load_config
from translator.jobs.train.events import TrainingObservers
from translator.jobs.train.train import train_run
from translator.runs.folder import RunFolder

DEMO = Path(__file__).parents[3] / "configs" / "demo.toml"
SETTINGS = [
    "model.dim=32", "model.feed_forward_dim=48", "encoder.num_layers=1", "decoder.num_layers=1",
    "tokenizer.vocab_size=320", "tokenizer.max_sentences=300",
    "training.steps=200", "training.batch_tokens=600", "training.validate_every=200", "training.save_every=200",
    "training.label_smoothing=0.0", "training.learning_rate=1e-2", "training.warmup_steps=20",
]  # fmt: skip
WORDS = {"dog": "hund", "cat": "katze", "sees": "sieht", "likes": "mag", "man": "mann", "old": "alter", "not": "nicht"}

Program = Callable[..., tuple[int, str, str]]


def write_corpus(folder: Path) -> None:
    """Write pairs of random words and their translations, word by word."""
    generator = random.Random(1)
    for split, count in (("train", 400), ("valid", 60), ("test", 20)):
        lines = [generator.choices(list(WORDS), k=generator.randint(1, 6)) for _ in range(count)]
        for suffix, texts in (("en", lines), ("de", [[WORDS[word] for word in line] for line in lines])):
            (folder / f"{split}.{suffix}").write_text("".join(" ".join(words) + "\n" for words in texts))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a run that has learned to translate word by word."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    config = load_config(DEMO, [*SETTINGS, f"corpus.folder={folder}"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run = train_run(config, folder / "demo", device=torch.device("cpu"), observer=TrainingObservers())
    torch.set_num_threads(threads)
    return run


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """Return a copy of the trained run, which may be changed."""
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "demo")))


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Return a function that runs the command line: (exit code, standard output, standard error)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["translator", *map(str, arguments)])
        return run_program(), *capsys.readouterr()

    return call
