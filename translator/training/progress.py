"""The state of a training run, what its updates and validations measure, when it ends, and what deserves a warning."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field

from translator.errors import NumericalError
from translator.training.settings import TrainingSettings

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""An integer that every reader of JSON represents exactly."""
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number that may not be finite; in the journal it is then null, which is read as NaN."""

MAX_SKIPPED = 10
"""Updates in a row without a finite loss or gradient before training ends."""
_SPIKE = 3.0
"""A loss this many times the usual one is reported."""
LOSS_MEMORY = 0.95
"""Weight of the past in the running mean of the loss."""


@dataclass
class Progress:
    """All counters of a training run; every checkpoint holds them."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, allow_inf_nan=False)

    step: Count = 0
    epoch: Count = 0
    position: Count = 0  # number of updates done in this epoch
    num_tokens: Count = 0
    seconds: float = 0.0  # spent in updates, before and after any stop
    best_bleu: float | None = None
    best_chrf: float | None = None
    best_cross_entropy: float | None = None
    best_step: Count = 0
    validated_step: Count = 0  # of the last validation
    validations_since_best: Count = 0
    parts: Count = 1  # that each micro-batch is cut into since memory ran out
    skipped: Count = 0  # updates without a finite loss or gradient
    skipped_in_a_row: Count = 0
    usual_loss: float | None = None  # running mean of the finite losses


class Report(NamedTuple):
    """What one update did."""

    step: Count
    epoch: Count
    position: Count  # in the epoch
    loss: Number  # mean over the update's target tokens, in nats, smoothed as trained
    num_tokens: Count  # real target tokens
    learning_rate: Number
    gradient_norm: Number  # before clipping
    skipped: bool  # loss or gradient was not finite, so the parameters were not changed
    seconds: Number  # duration of the update


class Sample(NamedTuple):
    """A validation sentence with its current translation."""

    source: str
    hypothesis: str
    reference: str


class Validation(NamedTuple):
    """How good the model is on sentences that it does not train on."""

    step: Count
    cross_entropy: Number  # mean over target tokens, in nats, without label smoothing and dropout
    perplexity: Number  # exp(cross_entropy): as uncertain as between this many equally probable tokens
    bleu: Number  # of greedy translations
    is_best: bool
    seconds: Number
    samples: list[Sample]
    peak_memory_bytes: Count | None = None  # of the process so far; None if the system does not report it
    peak_device_memory_bytes: Count | None = None  # None on a CPU
    chrf: float | None = None  # of the same translations; None in journals of older versions


def reason_to_end(settings: TrainingSettings, progress: Progress) -> str | None:
    """Return why training ends now, or None if it does not; validation does not count as training time."""
    if progress.step >= settings.steps:
        return "all steps done"
    if settings.patience and progress.validations_since_best >= settings.patience:
        best = f"the best is BLEU {progress.best_bleu or 0:.2f} at step {progress.best_step}"
        return f"no better validation BLEU, chrF or cross-entropy in {settings.patience} validations; {best}"
    # The first update always runs, however short the time: without one there is nothing to save.
    if settings.max_minutes is not None and progress.step and progress.seconds >= 60 * settings.max_minutes:
        return f"training.max_minutes = {settings.max_minutes:g} have passed"
    return None


def count_update(report: Report, progress: Progress) -> str | None:
    """Count a skipped update, or add the loss of the update to the running mean; returns a warning, or None.

    Raises NumericalError after MAX_SKIPPED skipped updates in a row.
    """
    usual = progress.usual_loss
    if report.skipped:
        progress.skipped += 1
        progress.skipped_in_a_row += 1
        if progress.skipped_in_a_row == MAX_SKIPPED:
            before = "no update had a finite loss" if usual is None else f"before, it was about {usual:.3g}"
            problem = f"loss not finite in {MAX_SKIPPED} updates in a row ({before})"
            settings = f"training.learning_rate ({report.learning_rate:.3g} here) or training.clip_norm"
            raise NumericalError(f"step {report.step}", problem, f"lower {settings}; earlier checkpoints are intact")
        return f"step {report.step}: loss or gradient not finite, update skipped ({progress.skipped} so far)"
    progress.skipped_in_a_row = 0
    progress.usual_loss = report.loss if usual is None else LOSS_MEMORY * usual + (1 - LOSS_MEMORY) * report.loss
    if usual is None or report.loss <= _SPIKE * usual:
        return None
    return f"step {report.step}: the loss jumped to {report.loss:.3g} from about {usual:.3g}"


def count_validation(progress: Progress, cross_entropy: float, bleu: float, chrf: float = 0.0) -> bool:
    """Count a validation; returns whether it is the best so far, never if its cross-entropy is not finite.

    Equal BLEU, such as 0 at the start, is decided by chrF, and equal chrF by the cross-entropy.
    """
    best_loss = math.inf if progress.best_cross_entropy is None else progress.best_cross_entropy
    best = progress.best_bleu, progress.best_chrf or 0.0, -best_loss
    is_best = math.isfinite(cross_entropy) and (progress.best_bleu is None or (bleu, chrf, -cross_entropy) > best)
    if is_best:
        progress.best_bleu, progress.best_step = bleu, progress.step
        progress.best_chrf, progress.best_cross_entropy = chrf, cross_entropy
    progress.validated_step = progress.step
    progress.validations_since_best = 0 if is_best else progress.validations_since_best + 1
    return is_best
