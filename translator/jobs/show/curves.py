"""The learning curves of a run as a table of numbers, one row for each step that its journal has."""

import math
from collections.abc import Iterable

from translator.runs.folder import RunFolder
from translator.training.journal import JournalEvent
from translator.training.progress import Validation

_OF_UPDATES = {"training_loss": "loss", "learning_rate": "learning_rate"}
_OF_VALIDATIONS = {name: name for name in ("cross_entropy", "perplexity", "bleu", "chrf")}
"""The columns of the table, each with the field of the event that it comes from."""


def curve_rows(run: RunFolder, events: Iterable[JournalEvent]) -> list[dict[str, object]]:
    """Return what the journal has recorded at each step; None for what was not measured or is not finite.

    The seconds are those of all updates up to the step, without validation.
    """
    rows: dict[int, dict[str, object]] = {}
    seconds = 0.0
    for event in events:
        if not isinstance(event, Validation) and math.isfinite(event.seconds):
            seconds += event.seconds
        row = {"run": run.name, "step": event.step, "seconds": seconds}
        row |= rows.get(event.step) or dict.fromkeys([*_OF_UPDATES, *_OF_VALIDATIONS])
        for column, field in (_OF_VALIDATIONS if isinstance(event, Validation) else _OF_UPDATES).items():
            value = getattr(event, field)
            row[column] = value if value is not None and math.isfinite(value) else None
        rows[event.step] = row
    return list(rows.values())
