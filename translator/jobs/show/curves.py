"""How a training went, from its journal: learning curves of a few points each, however long it was."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any, TypeAlias

CURVES = {
    "loss": "Training loss, as smoothed",
    "validation_loss": "Validation loss",
    "bleu": "Validation BLEU, greedy",
    "speed": "Target tokens a second",
    "learning_rate": "Learning rate",
}
"""The curves, each with its title."""
SMALLEST, LARGEST = 1e-30, 1e30
"""Numbers beyond these are no measurements."""

Records: TypeAlias = Sequence[dict[str, Any]]
Curves: TypeAlias = dict[str, list[tuple[int, float]]]


def learning_curves(records: Records, *, every: int) -> Curves:
    """(step, value) for each curve, one for `every` updates: their mean loss and speed, and the last of all else."""
    curves: Curves = {name: [] for name in CURVES}
    for step, updates in portions(records, "update", every):
        losses, seconds = values(updates, "loss"), sum(values(updates, "seconds"))
        curves["loss"] += [(step, fmean(losses))] if losses else []
        curves["speed"] += [(step, sum(values(updates, "num_tokens")) / seconds)] if seconds > 0 else []
        curves["learning_rate"] += [(step, rate) for rate in values(updates, "learning_rate")[-1:]]
    for step, validations in portions(records, "validation", every):
        curves["validation_loss"] += [(step, loss) for loss in values(validations, "loss")[-1:]]
        curves["bleu"] += [(step, bleu) for bleu in values(validations, "bleu")[-1:]]
    return curves


def portions(records: Records, event: str, every: int) -> Iterator[tuple[int, Records]]:
    """(last step, records) of an event, in turn for each `every` updates."""
    chosen = [record for record in records if record.get("event") == event]
    for _, portion in groupby(chosen, key=lambda record: (record["step"] - 1) // every):
        found = list(portion)
        yield found[-1]["step"], found


def values(records: Records, field: str) -> list[float]:
    """The numbers of a field."""
    found = (number(record.get(field)) for record in records)
    return [value for value in found if value is not None]


def number(value: object) -> float | None:
    """A value of the journal as one that can be drawn; it has null for what was not finite."""
    if isinstance(value, int | float) and (value == 0 or SMALLEST < abs(value) < LARGEST):
        return float(value)
    return None
