"""The time left is that of the updates and validations that are left."""

import pytest

from translator.report.time_left import TimeLeft, duration
from translator.training.progress import Report, Validation
from translator.training.settings import TrainingSettings


def report(step: int, seconds: float = 2.0) -> Report:
    return Report(step, 0, step, 1.0, 100, 0.1, 1.0, False, seconds)


def validation(step: int, seconds: float) -> Validation:
    return Validation(step, 1.0, 2.7, 10.0, True, seconds, [])


def estimate(steps: int, *, total: int = 100, validate_every: int = 10, **settings: float) -> TimeLeft:
    left = TimeLeft(TrainingSettings.model_validate({"steps": total, "validate_every": validate_every, **settings}))
    for step in range(1, steps + 1):
        left.add(report(step))
        if step % validate_every == 0:
            left.add(validation(step, 30.0))
    return left


def test_updates_and_validations_are_counted() -> None:
    assert estimate(50).seconds == pytest.approx(50 * 2 + 5 * 30)
    assert estimate(55).seconds == pytest.approx(45 * 2 + 5 * 30)
    assert estimate(96, total=97, validate_every=50).seconds == pytest.approx(2 + 30)  # the last step is validated
    assert estimate(100).seconds == 0


def test_the_first_update_does_not_count_and_one_outlier_changes_little() -> None:
    left = TimeLeft(TrainingSettings(steps=100, validate_every=1000))
    left.add(report(1, 60.0))
    assert left.seconds is None
    assert left.progress(1) == "step 1 of 100"
    for step in range(2, 51):
        left.add(report(step))
    assert left.seconds == pytest.approx(100)
    left.add(report(51, 20.0))
    assert left.seconds is not None
    assert left.seconds < 150


def test_the_time_limit_may_end_training_earlier() -> None:
    assert estimate(50, validate_every=1000, max_minutes=2.0).seconds == pytest.approx(20)


def test_progress_is_in_words() -> None:
    assert estimate(50).progress(50) == "step 50 of 100, 4 min left"
    assert estimate(100).progress(100) == "step 100 of 100"
    assert estimate(50, total=1200).progress(1201) == "step 1,201"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "60 min"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (200_000, "2 d 8 h"),
    ],
)
def test_a_duration_has_one_or_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
