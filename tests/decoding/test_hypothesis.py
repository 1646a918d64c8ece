import pytest

from translator.decoding.hypothesis import length_penalty, make_hypothesis, ranked


@pytest.mark.parametrize(
    ("length", "alpha", "penalty"), [(1, 0.0, 1.0), (40, 0.0, 1.0), (1, 3.0, 1.0), (7, 1.0, 2.0), (13, 2.0, 9.0)]
)
def test_the_length_penalty_is_that_of_wu_et_al(length: float, alpha: float, penalty: float) -> None:
    assert length_penalty(length, alpha) == pytest.approx(penalty)  # ((5 + length) / 6)^alpha by hand


def test_eos_counts_if_the_hypothesis_is_finished() -> None:
    assert make_hypothesis((4,) * 6, -3.0, alpha=1.0, is_finished=True).score == pytest.approx(-1.5)
    assert make_hypothesis((4,) * 7, -3.0, alpha=1.0, is_finished=False).score == pytest.approx(-1.5)


def test_ranking_puts_finished_hypotheses_first_then_high_scores_and_drops_duplicates() -> None:
    poor = make_hypothesis((4,), -9.0, alpha=0.0, is_finished=True)
    good = make_hypothesis((5,), -1.0, alpha=0.0, is_finished=True)
    truncated = make_hypothesis((6,), -0.5, alpha=0.0, is_finished=False)
    duplicate = make_hypothesis((5,), -0.1, alpha=0.0, is_finished=False)
    assert ranked([truncated, poor, duplicate, good], 9) == [good, poor, truncated]
    assert ranked([truncated, poor, duplicate, good], 1) == [good]
