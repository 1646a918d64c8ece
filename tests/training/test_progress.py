"""What training counts, when it ends, and what it reports."""

import pytest

from translator.errors import NumericalError
from translator.training.progress import MAX_SKIPPED, Progress, Report, count_update, count_validation, reason_to_end
from translator.training.settings import TrainingSettings

SETTINGS = TrainingSettings(steps=9, patience=2, max_minutes=1.0)


def test_too_many_skipped_updates_in_a_row_end_training() -> None:
    progress = Progress(usual_loss=2.0)
    bad = Report(7, 0, 0, float("nan"), 1, 0.01, float("nan"), True, 0.0)
    for _ in range(MAX_SKIPPED - 1):
        count_update(bad, progress)
    with pytest.raises(
        NumericalError,
        match=r"step 7: loss not finite in 10 updates in a row \(before, it was about 2\).*learning_rate",
    ):
        count_update(bad, progress)


def test_a_loss_far_above_the_running_mean_is_reported() -> None:
    progress = Progress()
    usual = Report(1, 0, 0, 2.0, 1, 0.01, 1.0, False, 0.0)
    assert [count_update(usual, progress) for _ in range(5)] == [None] * 5
    assert count_update(usual._replace(step=6, loss=40.0), progress) == "step 6: the loss jumped to 40 from about 2"


def test_a_skipped_update_does_not_change_the_running_mean() -> None:
    progress = Progress(usual_loss=2.0, skipped_in_a_row=3)
    report = Report(7, 0, 0, 2.0, 1, 0.01, 1.0, False, 0.0)
    count_update(report._replace(loss=float("nan"), skipped=True), progress)
    assert (progress.usual_loss, progress.skipped, progress.skipped_in_a_row) == (2.0, 1, 4)
    count_update(report, progress)
    assert (progress.skipped, progress.skipped_in_a_row) == (1, 0)


def test_the_best_validation_is_the_first_of_the_highest_with_a_finite_loss() -> None:
    progress = Progress()
    found = []
    for step, (loss, bleu) in enumerate([(float("nan"), 9.0), (1.0, 3.0), (1.0, 3.0), (1.0, 4.0)], 1):
        progress.step = step
        found.append((count_validation(progress, loss, bleu), progress.validations_since_best))
    assert found == [(False, 1), (True, 0), (False, 1), (True, 0)]
    assert (progress.best_bleu, progress.best_step, progress.validated_step) == (4.0, 4, 4)


def test_chrf_and_then_the_loss_decide_between_validations_of_equal_bleu() -> None:
    progress = Progress()
    measured = [
        (3.0, 0.0, 10.0),
        (2.0, 0.0, 9.0),
        (2.0, 0.0, 12.0),
        (1.5, 0.0, 12.0),
        (1.5, 0.0, 12.0),
        (9.0, 0.1, 1.0),
    ]
    is_best = [count_validation(progress, loss, bleu, chrf) for loss, bleu, chrf in measured]
    assert is_best == [True, False, True, True, False, True]


@pytest.mark.parametrize(
    ("progress", "reason"),
    [
        (Progress(step=8, validations_since_best=1, seconds=59.0), None),
        (Progress(step=9), "all steps done"),
        (
            Progress(step=8, validations_since_best=2),
            "no better validation BLEU, chrF or cross-entropy in 2 validations; the best is BLEU 0.00 at step 0",
        ),
        (Progress(step=8, seconds=60.0), "training.max_minutes = 1 have passed"),
    ],
)
def test_training_ends_for_a_reason(progress: Progress, reason: str | None) -> None:
    assert reason_to_end(SETTINGS, progress) == reason


def test_the_first_update_runs_however_short_the_time() -> None:
    settings = SETTINGS.model_copy(update={"max_minutes": 1e-9})
    assert reason_to_end(settings, Progress(seconds=1e-3)) is None
    assert reason_to_end(settings, Progress(step=1, seconds=1e-3)) == "training.max_minutes = 1e-09 have passed"
