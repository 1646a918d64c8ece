"""A watched run: what its journal records is in its curves, noisy ones smoothed."""

import math
from pathlib import Path

import pytest

from tests.runs.example import write_run
from tests.training.example import update, validation, write_journal
from translator.jobs.show.watch import WatchedRun
from translator.report.curves import CURVES
from translator.runs.folder import JOURNAL, RunFolder
from translator.training.progress import LOSS_MEMORY, Sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path)
    return tmp_path


def last(watched: WatchedRun) -> dict[str, float]:
    return {name: curve.ends[2].value for name, curve in watched.curves.items() if curve.ends}


def test_every_curve_is_shown(folder: Path) -> None:
    assert WatchedRun(RunFolder(folder)).curves.keys() == {kind.label for kind in CURVES.values()}


def test_loss_and_speed_are_smoothed_and_all_else_is_exact(folder: Path) -> None:
    write_journal(folder / JOURNAL, update(1, 4.0), update(2, 2.0, seconds=1.0, rate=2.0))
    watched = WatchedRun(RunFolder(folder))
    watched.refresh()
    assert last(watched) == {
        "training loss": pytest.approx(LOSS_MEMORY * 4.0 + (1 - LOSS_MEMORY) * 2.0),
        "learning rate": 2.0,
        "tokens/s": pytest.approx(100 / (LOSS_MEMORY * 0.5 + (1 - LOSS_MEMORY) * 1.0)),
    }


def test_a_refresh_reads_what_is_new(folder: Path) -> None:
    watched = WatchedRun(RunFolder(folder))
    write_journal(folder / JOURNAL, update(1, 4.0))
    assert watched.refresh().text.startswith("stopped after step 1;")
    write_journal(folder / JOURNAL, validation(2, 1.5, 30.0, text="a"), update(3, 4.0))
    assert watched.refresh().text.startswith("stopped after step 3;")
    expected = [1.5, pytest.approx(math.exp(1.5)), 30.0]
    assert [last(watched)[name] for name in ("cross-entropy", "perplexity", "BLEU")] == expected
    assert watched.samples == [Sample("a", "a", "a")] * 3
