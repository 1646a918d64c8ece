"""Functions that benchmarks share: prepare a training run, continue the run, and score a finished run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from translator.config import load_config
from translator.jobs.train.events import TrainingObservers
from translator.jobs.train.prepare import prepare
from translator.jobs.train.run_loop import Training
from translator.jobs.train.start import build_training
from translator.training.loop import Outcome, train
from translator.training.processes import Processes


def begun(
    config: Path,
    overrides: list[str],
    folder: Path,
    *,
    device: str = "cpu",
    notify: Callable[[str], None] = lambda _: None,
) -> Training:
    """Prepare a run up to its first update."""
    settings = load_config(config, overrides)
    prepared = prepare(settings, folder, overwrite=False, notify=notify)
    return build_training(prepared, torch.device(device), TrainingObservers(), Processes())


def outcomes_of(training: Training) -> Iterator[Outcome]:
    """Yield the outcomes of further updates, with a small learning rate."""
    return train(
        training.objective,
        training.updates,
        training.optimizer,
        lambda _: 1e-4,
        settings=training.config.training,
        progress=training.progress,
        replay=training.replay,
    )


def corpus_overrides() -> list[str]:
    """Return the settings that name local files, if TRANSLATOR_MULTI30K says where they are."""
    folder = os.environ.get("TRANSLATOR_MULTI30K")
    return ["corpus.format=files", f"corpus.folder={folder}"] if folder else []


def scores_of(run: Path | str) -> dict[str, dict[str, Any]]:
    """Return the scores of a run, or of an ensemble "a+b", on its test set, by metric: "BLEU lc", "chrF2", ..."""
    words = [sys.executable, "-m", "translator", "evaluate", str(run), "--json", "--allow-leaked"]
    result = json.loads(subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)
    return {score["metric"]: score for score in result["scores"]}
