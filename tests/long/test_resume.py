"""Every way to interrupt training, and kills at random moments: the result is that of an uninterrupted run."""

import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.runs import KINDS, TrainingRuns, assert_equal, killed_at_random
from tests.long.conftest import SEED

PLACES = ["mid-epoch", "epoch boundary", "inside validation", "step 0", "last step", "twice"]
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGKILL]
KILLS = 200
AT_ONCE = 20


@pytest.mark.parametrize(("kind", "accumulation"), list(itertools.product(KINDS, (1, 4))))
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("place", PLACES)
def test_stopping_and_resuming_change_nothing(
    kind: str,
    place: str,
    number: signal.Signals,
    accumulation: int,
    runs: TrainingRuns,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    override = f"training.accumulation={accumulation}"
    runs.interrupted(kind, tmp_path / "run", place, number, override)
    assert_equal(tmp_path / "run", runs.whole(kind, override))
    record_property("stops and continuations that changed no bit", 1)


@pytest.mark.parametrize("part", range(KILLS // AT_ONCE))
@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_random_moments_change_nothing(
    kind: str, part: int, runs: TrainingRuns, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed_at_random(runs, kind, tmp_path, kills=AT_ONCE, seed=SEED + part)
    record_property("SIGKILLs at random moments", AT_ONCE)
