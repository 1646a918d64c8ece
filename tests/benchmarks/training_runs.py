"""Training runs for benchmarks, stopped before their first update."""

from collections.abc import Callable, Iterator
from pathlib import Path

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
