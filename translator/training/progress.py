"""Where a training stands, when it is over, and what a person should hear about its numbers."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from translator.errors import NumericalError
from translator.training.settings import TrainingSettings

MOST_SKIPPED = 10
"""Updates in a row that may come to nothing; a training that goes on like that has left the finite numbers for good."""
SPIKE = 3.0
"""A loss this many times the usual one is worth a line."""
MEMORY = 0.95
"""Weight of the past in the usual loss."""


@dataclass
class Progress:
    """Everything that a training counts, in one place, saved with every checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # updates done in this epoch
    num_tokens: int = 0
    seconds: float = 0.0  # spent in updates, over all sittings
    best_bleu: float | None = None
    best_step: int = 0
    validated_step: int = 0  # of the last validation
    validations_since_best: int = 0
    parts: int = 1  # that each micro-batch is cut in, because memory ran out
    skipped: int = 0  # updates whose gradient was not finite
    skipped_in_a_row: int = 0
    usual_loss: float | None = None  # a running mean of the finite ones


class Report(NamedTuple):
    """What one update did."""

    step: int
    epoch: int
    position: int  # in the epoch
    loss: float  # mean over the update's target tokens, in nats, smoothed as trained
    num_tokens: int  # real target tokens
    learning_rate: float
    gradient_norm: float  # before clipping
    skipped: bool  # loss or gradient were not finite, so the weights stayed as they were
    seconds: float  # that the update took


def reason_to_end(settings: TrainingSettings, progress: Progress) -> str | None:
    """Why there is no next update, or None while there is one; validation does not count as training time."""
    if progress.step >= settings.steps:
        return "all steps done"
    if settings.patience and progress.validations_since_best >= settings.patience:
        return f"no better validation BLEU in {settings.patience} validations"
    if settings.max_minutes is not None and progress.seconds >= 60 * settings.max_minutes:
        return f"training.max_minutes = {settings.max_minutes:g} are over"
    return None


def examine(report: Report, progress: Progress) -> str | None:
    """Count a skipped update, or note the loss; returns what a person should hear of it.

    Raises NumericalError after `MOST_SKIPPED` skipped updates in a row.
    """
    usual = progress.usual_loss
    if report.skipped:
        progress.skipped += 1
        progress.skipped_in_a_row += 1
        if progress.skipped_in_a_row == MOST_SKIPPED:
            raise not_finite(report, usual)
        return f"step {report.step}: loss or gradient not finite, update skipped ({progress.skipped} so far)"
    progress.skipped_in_a_row = 0
    progress.usual_loss = report.loss if usual is None else MEMORY * usual + (1 - MEMORY) * report.loss
    if usual is None or report.loss <= SPIKE * usual:
        return None
    return f"step {report.step}: the loss jumped to {report.loss:.3g} from about {usual:.3g}"


def count_validation(progress: Progress, loss: float, bleu: float) -> bool:
    """Note a validation; returns whether it is the best so far, which one without a finite loss never is."""
    is_best = math.isfinite(loss) and (progress.best_bleu is None or bleu > progress.best_bleu)
    if is_best:
        progress.best_bleu, progress.best_step = bleu, progress.step
    progress.validated_step = progress.step
    progress.validations_since_best = 0 if is_best else progress.validations_since_best + 1
    return is_best


def not_finite(report: Report, usual: float | None) -> NumericalError:
    """The error for a training that does not come back to numbers."""
    before = "no update had a finite one" if usual is None else f"before, it was about {usual:.3g}"
    return NumericalError(
        f"step {report.step}",
        f"loss not finite in {MOST_SKIPPED} updates one after the other ({before})",
        f"lower training.learning_rate ({report.learning_rate:.3g} here) or training.clip_norm; checkpoints are good",
    )
