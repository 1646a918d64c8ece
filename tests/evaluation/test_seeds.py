"""Claims over seeds follow from the scores alone; the t distribution is checked against published tables."""

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.evaluation.comparison import Difference
from translator.evaluation.seeds import OverSeeds, over_seeds, t_quantile, t_tails, verdict_over_seeds, welch

REFERENCES = [f"der alte Mann Nummer {n} liest heute ein gutes Buch über Haus {n}" for n in range(40)]
WORSE = [line.replace("gutes Buch", "Heft") if n % 2 else line for n, line in enumerate(REFERENCES)]
SAMPLES = st.lists(st.integers(0, 400).map(lambda tenths: tenths / 10), min_size=2, max_size=6)


@pytest.mark.parametrize(
    ("freedom", "tails", "t"),
    [
        (1, 0.05, 12.706), (2, 0.05, 4.303), (3, 0.05, 3.182), (4, 0.05, 2.776), (4, 0.01, 4.604), (5, 0.05, 2.571),
        (8, 0.05, 2.306), (10, 0.05, 2.228), (10, 0.10, 1.812), (30, 0.05, 2.042), (120, 0.05, 1.980),
    ],
)  # fmt: skip
def test_student_s_t_is_that_of_the_tables(freedom: float, tails: float, t: float) -> None:
    """The values are in every statistics textbook, for example NIST/SEMATECH's handbook, 1.3.6.7.2."""
    assert t_quantile(tails, freedom) == pytest.approx(t, abs=6e-4)
    assert t_tails(t, freedom) == pytest.approx(tails, abs=1e-4)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 5.0, 100.0])
def test_one_and_two_degrees_of_freedom_have_closed_forms(t: float) -> None:
    assert t_tails(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi)
    assert t_tails(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t))


def test_welch_equals_a_calculation_by_hand() -> None:
    """Variances 1 and 4, three each: error sqrt(5/3), freedom (5/3)^2 / ((1/3)^2/2 + (4/3)^2/2) = 2.941, t(2.941) = 3.218."""
    test = welch([30.0, 31.0, 32.0], [25.0, 27.0, 29.0])
    assert test.delta == pytest.approx(4.0)
    assert test.high - test.delta == pytest.approx(test.delta - test.low) == pytest.approx(3.218 * 1.29099, abs=2e-3)
    assert test.p_value is not None
    assert t_quantile(test.p_value, 2.941) == pytest.approx(4.0 / 1.29099, rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(SAMPLES, SAMPLES)
def test_the_interval_excludes_zero_exactly_if_the_test_is_significant(first: list[float], second: list[float]) -> None:
    test, swapped = welch(first, second), welch(second, first)
    assert (swapped.delta, swapped.low, swapped.high) == pytest.approx((-test.delta, -test.high, -test.low))
    assert swapped.p_value == test.p_value
    assert test.low <= test.delta <= test.high
    assert test.is_significant == (not test.low <= 0 <= test.high)


def test_scores_without_variance_have_a_point_interval() -> None:
    assert welch([3.0, 3.0], [3.0, 3.0]) == Difference(0.0, 0.0, 0.0, 1.0)
    assert welch([4.0, 4.0], [3.0, 3.0]) == Difference(1.0, 1.0, 1.0, 0.0)


def judged(configs: list[str], scores: list[float]) -> OverSeeds:
    systems = [REFERENCES if score > 30 else WORSE for score in scores]
    return over_seeds(configs, scores, systems=systems, references=[REFERENCES])


def test_a_config_does_not_differ_from_itself() -> None:
    result = judged(["a", "a"], [20.0, 21.0, 20.0, 21.0])
    assert [(config.difference.delta, config.difference.p_value) for config in result.configs] == [(0.0, 1.0)] * 2
    assert [(pair.best, pair.other, pair.test.delta, pair.test.p_value) for pair in result.pairs] == [
        (0, 2, 0.0, 1.0),
        (1, 3, 0.0, 1.0),
    ]
    assert verdict_over_seeds(result).startswith("The data do not tell a and a apart")


def test_means_and_deviations_are_those_of_the_runs() -> None:
    result = judged(["a", "b"], [20.0, 21.0, 25.0, 33.0, 34.0, 36.0])
    assert [config.rows for config in result.configs] == [[0, 1, 2], [3, 4, 5]]
    assert [config.mean for config in result.configs] == [22.0, pytest.approx(34.333, abs=1e-3)]
    assert result.configs[0].deviation == pytest.approx(statistics.stdev([20, 21, 25]))
    assert (result.best, result.configs[1].difference) == (1, Difference(0.0, 0.0, 0.0, 1.0))
    assert [(pair.best, pair.other) for pair in result.pairs] == [(3, 0), (4, 1), (5, 2)]
    assert all(pair.test.delta > 0 and pair.test.is_significant for pair in result.pairs)


def test_configs_in_any_order_give_the_same_result() -> None:
    scores = {"a": [20.0, 21.0], "b": [33.0, 34.5], "c": [24.0, 21.0]}
    results = [
        judged(order, [score for name in order for score in scores[name]])
        for order in (["a", "b", "c"], ["c", "a", "b"])
    ]
    by_name, by_name_reordered = (
        {config.config: config._replace(rows=[]) for config in result.configs} for result in results
    )
    assert by_name == by_name_reordered
    assert verdict_over_seeds(results[0]) == verdict_over_seeds(results[1])


def test_p_values_are_corrected_for_the_number_of_configs() -> None:
    scores = [20.0, 21.0, 33.0, 34.5, 20.5, 21.5]
    both = judged(["a", "b", "c"], scores)
    alone = judged(["a", "b"], scores[:4]).configs[0].difference
    assert alone.p_value is not None
    assert both.configs[0].difference.p_value == pytest.approx(2 * alone.p_value)
    assert both.configs[0].difference[:3] == alone[:3]


def test_the_verdict_states_difference_interval_and_seeds() -> None:
    result = judged(["Transformer", "GRU"], [33.0, 33.2, 33.1, 30.0, 30.1, 29.9])
    low, high = result.configs[1].difference[1:3]
    assert verdict_over_seeds(result).startswith(
        f"Transformer is better than GRU by 3.1 BLEU (95 % interval {low:.1f} to {high:.1f}, 3 seeds each, p = "
    )
