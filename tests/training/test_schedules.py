"""Every schedule rises to its peak in a straight line and then falls or stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.training.schedules import SCHEDULES
from translator.training.settings import TrainingSettings


def rate(name: str, step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    table = {"schedule": name, "learning_rate": peak, "warmup_steps": warmup_steps, "steps": total_steps}
    return TrainingSettings.model_validate(table).learning_rate_at(step)


@pytest.mark.parametrize("name", SCHEDULES)
@given(warmup=st.integers(0, 50), extra=st.integers(1, 200), step=st.integers(1, 400))
def test_the_learning_rate_is_between_zero_and_the_peak(name: str, warmup: int, extra: int, step: int) -> None:
    assert 0 <= rate(name, step, peak=0.5, warmup_steps=warmup, total_steps=warmup + extra) <= 0.5


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rate_rises_linearly_to_the_peak_and_never_after_it(name: str) -> None:
    rates = [rate(name, step, peak=1.0, warmup_steps=10, total_steps=40) for step in range(1, 41)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[9:]))


def test_each_schedule_decays_as_documented() -> None:
    last = {name: rate(name, 40, peak=1.0, warmup_steps=10, total_steps=40) for name in SCHEDULES}
    assert last == pytest.approx({"inverse_sqrt": 0.5, "cosine": 0.0, "linear": 0.0, "constant": 1.0})
    middle = {name: rate(name, 25, peak=1.0, warmup_steps=10, total_steps=40) for name in SCHEDULES}
    assert middle["cosine"] == pytest.approx(0.5)
    assert middle["linear"] == pytest.approx(0.5)
