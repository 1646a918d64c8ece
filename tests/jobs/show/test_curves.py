"""The table of the learning curves has one row per step, with what was measured there."""

import math
from pathlib import Path

from translator.jobs.show.curves import curve_rows
from translator.runs.folder import RunFolder
from translator.training.progress import Report, Validation


def test_updates_and_validations_of_a_step_share_a_row() -> None:
    events = [
        Report(1, 0, 0, 3.0, 100, 0.1, 1.0, False, 2.0),
        Report(2, 0, 1, math.nan, 100, 0.2, 1.0, True, 3.0),
        Validation(2, 2.5, 12.0, 7.0, True, 9.0, [], chrf=None),
    ]
    first, second = curve_rows(RunFolder(Path("runs/demo")), events)
    assert list(first) == list(second)
    assert (first["run"], first["step"], first["training_loss"], first["bleu"]) == ("demo", 1, 3.0, None)
    assert (second["training_loss"], second["learning_rate"], second["bleu"], second["chrf"]) == (None, 0.2, 7.0, None)
    assert [row["seconds"] for row in (first, second)] == [2.0, 5.0]  # without validation
