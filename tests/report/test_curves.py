"""Learning curves are true to the journal, and short."""

import math

import numpy as np
import pytest

from tests.training import example as events
from tests.training.example import validation
from translator.report.curves import CURVES, Curve, Measurement, Point, learning_curves, measurements
from translator.training.journal import JournalEvent
from translator.training.progress import Report


def update(step: int, loss: float, seconds: float = 2.0) -> Report:
    return events.update(step, loss, rate=step / 10, seconds=seconds)


def test_each_record_adds_its_measurements_to_their_curves() -> None:
    records: list[JournalEvent] = [update(1, 4.0), update(2, 2.0, 4.0), validation(2, 1.5, 20.0), update(3, 1.0)]
    curves = {name: curve.points for name, curve in learning_curves(records, max_points=4).items()}
    assert curves == {
        "loss": [(1, 4.0), (2, 2.0), (3, 1.0)],
        "speed": [(1, 50.0), (2, 25.0), (3, 50.0)],
        "learning_rate": [(1, 0.1), (2, 0.2), (3, 0.3)],
        "cross_entropy": [(2, 1.5)],
        "perplexity": [(2, math.exp(1.5))],
        "bleu": [(2, 20.0)],
    }


def test_too_many_points_become_the_means_of_neighbours_at_the_later_step() -> None:
    records = [update(step, float(step), seconds=step) for step in range(1, 6)]
    curves = learning_curves(records, max_points=2)
    assert curves["loss"].points == [(4, 2.5), (5, 5.0)]
    assert curves["speed"].points == [(4, 400 / (1 + 2 + 3 + 4)), (5, 20.0)]  # all tokens by all seconds


def test_values_that_are_not_finite_are_left_out() -> None:
    records: list[JournalEvent] = [
        update(1, math.nan), update(2, 2.0), update(3, 1e300), update(3, math.inf), validation(3, math.nan, math.nan),
    ]  # fmt: skip
    curves = learning_curves(records, max_points=10)
    assert (curves["loss"].points, curves["bleu"].points, curves["cross_entropy"].points) == ([(2, 2.0)], [], [])
    assert learning_curves([], max_points=10)["loss"].points == []
    assert "loss" not in measurements(update(1, math.nan))


def test_an_impossible_duration_gives_no_speed() -> None:
    assert "speed" not in measurements(update(1, 2.0, seconds=1e-320))


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_is_measured_by_some_record(name: str) -> None:
    assert name in {**measurements(update(1, 2.0)), **measurements(validation(1, 1.0, 2.0))}


@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000, 100_000])
def test_many_values_become_a_few_points_with_the_same_mean_and_exact_ends(count: int) -> None:
    values = np.random.default_rng(1).random(count)
    curve = Curve(min, max_points=64)
    for step, value in enumerate(values.tolist(), 1):
        curve.add(step, Measurement(value))
    assert min(count, 32) <= len(curve.points) <= 64
    weights = np.diff([0, *(point.step for point in curve.points)])  # measurements in each point
    assert np.average([point.value for point in curve.points], weights=weights) == pytest.approx(values.mean())
    assert curve.ends == [(1, values[0]), (values.argmin() + 1, values.min()), (count, values[-1])]
    assert curve.points[-1].step == count


def test_the_value_at_a_step_is_that_of_the_last_point_before_it() -> None:
    curve = Curve(max)
    for step in (10, 20):
        curve.add(step, Measurement(float(step)))
    assert [curve.at(step) for step in (9, 10, 19, 25)] == [None, 10.0, 10.0, 20.0]
    assert curve.points[0] == Point(10, 10.0)
