"""A watched run: what its journal records is in its curves, noisy ones smoothed."""

import json
from pathlib import Path

import pytest

from tests.runs.example import write_run
from translator.jobs.show.watch import LABELS, WatchedRun
from translator.report.curves import CURVES
from translator.runs.folder import JOURNAL, RunFolder
from translator.training.progress import LOSS_MEMORY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path)
    return tmp_path


def update(step: int, loss: float) -> dict[str, object]:
    return {"event": "update", "step": step, "loss": loss, "num_tokens": 100, "seconds": 0.5, "learning_rate": loss}


def append(folder: Path, *records: dict[str, object]) -> None:
    with (folder / JOURNAL).open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def last(watched: WatchedRun) -> dict[str, float]:
    return {name: curve.ends[2].value for name, curve in watched.curves.items() if curve.ends}


def test_every_curve_has_a_label() -> None:
    assert LABELS.keys() == CURVES.keys()


def test_loss_and_speed_are_smoothed_and_all_else_is_exact(folder: Path) -> None:
    append(folder, update(1, 4.0), {**update(2, 2.0), "seconds": 1.0})
    watched = WatchedRun(RunFolder(folder))
    watched.refresh()
    assert last(watched) == {
        "loss": pytest.approx(LOSS_MEMORY * 4.0 + (1 - LOSS_MEMORY) * 2.0),
        "learning rate": 2.0,
        "target tokens/s": pytest.approx(100 / (LOSS_MEMORY * 0.5 + (1 - LOSS_MEMORY) * 1.0)),
    }


def test_a_refresh_reads_what_is_new(folder: Path) -> None:
    watched = WatchedRun(RunFolder(folder))
    append(folder, update(1, 4.0))
    assert watched.refresh().text.startswith("stopped after step 1;")
    sample = {"source": "a", "hypothesis": "b", "reference": "c"}
    append(folder, {"event": "validation", "step": 2, "loss": 1.5, "bleu": 30.0, "samples": [sample]}, update(3, 4.0))
    assert watched.refresh().text.startswith("stopped after step 3;")
    assert (last(watched)["validation loss"], last(watched)["BLEU"], watched.samples) == (1.5, 30.0, [sample])
