"""The training loop, as a generator: it yields a report an update and leaves logging, saving and stopping to its caller."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from translator.errors import NumericalError
from translator.text.batches import Batch
from translator.training.objective import Objective
from translator.training.settings import TrainingSettings


class Report(NamedTuple):
    """What one update did."""

    step: int
    epoch: int
    loss: float  # mean over the update's target tokens, in nats, smoothed as trained
    num_tokens: int  # real target tokens
    learning_rate: float
    gradient_norm: float  # before clipping
    seconds: float  # that the update took


@dataclass
class Progress:
    """Where a training stands: everything it counts, in one place, saved with every checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # updates done in this epoch
    num_tokens: int = 0
    seconds: float = 0.0  # spent in updates, over all sittings
    best_bleu: float | None = None
    best_step: int = 0
    validations_since_best: int = 0


class Updates(Protocol):
    """The corpus as updates: each epoch a list, each update a list of micro-batches."""

    def num_updates(self, epoch: int) -> int:
        """How many updates an epoch has."""
        ...

    def update(self, epoch: int, position: int) -> list[Batch]:
        """The micro-batches of one update, always the same for the same numbers."""
        ...


def train(
    objective: Objective,
    updates: Updates,
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], float],
    *,
    settings: TrainingSettings,
    progress: Progress,
) -> Iterator[Report]:
    """Go on from `progress`, update by update, to `settings.steps`. Raises NumericalError where the loss is not finite."""
    while progress.step < settings.steps and not out_of_time(settings, progress):
        began = time.monotonic()
        batches = updates.update(progress.epoch, progress.position)
        learning_rate = schedule(progress.step + 1)
        objective.train()
        objective.model.begin_update(progress.step + 1)
        loss, num_tokens = accumulate(objective, batches)
        if not math.isfinite(loss):
            raise not_finite(progress, learning_rate)
        norm = apply(optimizer, learning_rate, settings.clip_norm)
        epoch, seconds = progress.epoch, time.monotonic() - began
        count(progress, updates, num_tokens, seconds)
        yield Report(progress.step, epoch, loss, num_tokens, learning_rate, norm, seconds)


def out_of_time(settings: TrainingSettings, progress: Progress) -> bool:
    """Whether the minutes that the settings allow are spent; validation does not count."""
    return settings.max_minutes is not None and progress.seconds >= 60 * settings.max_minutes


def accumulate(objective: Objective, batches: list[Batch]) -> tuple[float, int]:
    """Add up the gradients of the mean loss over all target tokens of the micro-batches; returns (mean loss, tokens)."""
    num_tokens = sum(batch.num_tokens for batch in batches)
    total = 0.0
    for batch in batches:
        loss_sum, _ = objective(batch)
        (loss_sum / num_tokens).backward()
        total += loss_sum.item()
    return total / num_tokens, num_tokens


def apply(optimizer: torch.optim.Optimizer, learning_rate: float, clip_norm: float) -> float:
    """Clip, update, forget the gradients; returns the gradient's norm before clipping."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm = nn.utils.clip_grad_norm_(weights, clip_norm or math.inf)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()
    return norm.item()


def count(progress: Progress, updates: Updates, num_tokens: int, seconds: float) -> None:
    """One update more."""
    progress.step += 1
    progress.position += 1
    progress.num_tokens += num_tokens
    progress.seconds += seconds
    if progress.position == updates.num_updates(progress.epoch):
        progress.epoch, progress.position = progress.epoch + 1, 0


def not_finite(progress: Progress, learning_rate: float) -> NumericalError:
    """The error for a loss that is no number."""
    return NumericalError(
        f"step {progress.step + 1}",
        f"the loss is not finite (learning rate {learning_rate:.3g})",
        "lower training.learning_rate or training.clip_norm; the last checkpoint is good",
    )


def build_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019), in the library's fused form."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    optimizer: torch.optim.Optimizer = kind(
        [weight for weight in model.parameters() if weight.requires_grad],
        lr=settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        weight_decay=settings.weight_decay,
        eps=1e-9,
        fused=True,
    )
    return optimizer


@torch.no_grad()
def mean_loss(objective: Objective, batches: Iterator[Batch]) -> float:
    """Mean loss over the target tokens of all batches, in nats, without dropout."""
    objective.eval()
    total, num_tokens = 0.0, 0
    for batch in batches:
        loss_sum, count_of_batch = objective(batch)
        total, num_tokens = total + loss_sum.item(), num_tokens + count_of_batch
    return total / max(num_tokens, 1)


def average_weights(weights: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each weight over several checkpoints, summed in fp64; of what is no weight (a seed), the last one."""
    return {
        name: torch.stack([other[name].double() for other in weights]).mean(0).to(last.dtype)
        if last.is_floating_point()
        else last
        for name, last in weights[-1].items()
    }
