"""A candidate translation, and how the candidates for a sentence are ranked."""

from collections.abc import Iterable
from typing import NamedTuple


class Hypothesis(NamedTuple):
    """One candidate translation of one sentence."""

    ids: tuple[int, ...]  # tokens without BOS and EOS
    log_prob: float  # natural logarithm, EOS included if the hypothesis is finished
    score: float  # log_prob divided by the length penalty; candidates are ranked by it
    is_finished: bool  # ended by EOS, not truncated at the maximum length


def length_penalty(length: float, alpha: float) -> float:
    """Return ((5 + length) / 6)^alpha, which is 1 if alpha is 0 (Wu et al. 2016, eq. 14, without its coverage penalty).

    `length` counts EOS.
    """
    return float(((5.0 + length) / 6.0) ** alpha)


def make_hypothesis(ids: tuple[int, ...], log_prob: float, *, alpha: float, is_finished: bool) -> Hypothesis:
    return Hypothesis(ids, log_prob, log_prob / length_penalty(len(ids) + is_finished, alpha), is_finished)


def ranked(hypotheses: Iterable[Hypothesis], num_best: int) -> list[Hypothesis]:
    """Return the `num_best` hypotheses of highest score without duplicates, all finished ones before truncated ones."""
    unique: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in sorted(hypotheses, key=lambda hypothesis: (not hypothesis.is_finished, -hypothesis.score)):
        unique.setdefault(hypothesis.ids, hypothesis)
    return list(unique.values())[:num_best]
