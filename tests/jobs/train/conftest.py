"""A small corpus, and runs on it in this process."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.faults.conftest import SETTINGS, small_corpus
from translator.config import load_config
from translator.jobs.train.events import TrainingObservers
from translator.jobs.train.train import train_run
from translator.runs.folder import RunFolder
from translator.training.progress import Report, Validation


class Recorder(TrainingObservers):
    """Records all events."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.steps: list[int] = []
        self.validations: list[Validation] = []

    def notify(self, text: str) -> None:
        self.lines.append(text)

    def updated(self, report: Report) -> None:
        self.steps.append(report.step)

    def validated(self, validation: Validation) -> None:
        self.validations.append(validation)


def train_in(
    corpus: Path, output: str, *overrides: str, observer: Recorder | None = None
) -> tuple[RunFolder, Recorder]:
    """Train a tiny Transformer on a corpus, with changes to its settings."""
    config, recorder = load_config(corpus / "demo.toml", [*SETTINGS["demo"], *overrides]), observer or Recorder()
    return train_run(config, corpus / output, device=torch.device("cpu"), observer=recorder), recorder


Train = Callable[..., tuple[RunFolder, Recorder]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_corpus(tmp_path_factory.mktemp("train") / "work")


@pytest.fixture(scope="module")
def train(corpus: Path) -> Train:
    """Train a tiny Transformer in a folder beside the corpus."""
    return partial(train_in, corpus)
