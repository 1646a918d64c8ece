"""Estimate what a training run takes: passes over the corpus, time and memory."""

import time
from typing import NamedTuple

import torch

from translator.models.interface import AnyModel
from translator.runs.model import count_parameters
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates

_FLOPS_PER_PARAMETER = 6  # of a target token, forwards and backwards (Kaplan et al. 2020)
_EFFICIENCY = 0.3  # of a training update, relative to one large matrix product
_BASE_BYTES = 500e6  # Python, torch and the corpus
_BYTES_PER_PARAMETER = 16  # with gradient and two moments
_BYTES_PER_TOKEN = 40_000  # activations of an update, for the small models of the shipped configs
_PRODUCT_SIZE, _PRODUCT_SECONDS = 512, 0.05


class Estimate(NamedTuple):
    """What a run takes, to about a factor of two."""

    steps: int
    epochs: float
    seconds: float
    memory_bytes: float

    def text(self) -> str:
        """Return one line for the user."""
        minutes = self.seconds / 60
        duration = (
            f"{self.seconds:.0f} s"
            if minutes < 2
            else f"{minutes:.0f} min"
            if minutes < 120
            else f"{minutes / 60:.1f} h"
        )
        return (
            f"estimate: {self.steps:,} updates, {self.epochs:.3g} passes over the corpus, "
            f"roughly {duration} without validation, {self.memory_bytes / 1e9:.1f} GB of memory"
        )


def estimate(settings: TrainingSettings, updates: CorpusUpdates, model: AnyModel, *, device: torch.device) -> Estimate:
    """Return what training takes to the end of all steps; early stopping may end it sooner."""
    num_updates, num_tokens = updates.num_updates(0), len(updates.pairs.target.tokens)
    epochs, parameters = settings.steps / num_updates, count_parameters(model)
    work = _FLOPS_PER_PARAMETER * parameters * num_tokens * epochs
    seconds = work / (_EFFICIENCY * _product_speed(device) * updates.processes.size)
    memory = _BASE_BYTES + _BYTES_PER_PARAMETER * parameters + _BYTES_PER_TOKEN * settings.batch_tokens
    return Estimate(settings.steps, epochs, seconds, memory)


def _product_speed(device: torch.device) -> float:
    """Return how many floating-point operations per second a matrix product reaches now."""
    matrix = torch.ones(_PRODUCT_SIZE, _PRODUCT_SIZE, device=device)
    number, began = 0, time.monotonic()
    while time.monotonic() - began < _PRODUCT_SECONDS or not number:
        (matrix @ matrix)[0, 0].item()  # waits for the device
        number += 1
    return 2 * _PRODUCT_SIZE**3 * number / (time.monotonic() - began)
