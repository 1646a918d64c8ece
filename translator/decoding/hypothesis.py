"""A translation in pieces, and how translations of one sentence are ranked. Not here: how they are found."""

from collections.abc import Iterable
from typing import NamedTuple


class Hypothesis(NamedTuple):
    """One candidate for one sentence."""

    ids: tuple[int, ...]  # pieces, without begin and end mark
    log_prob: float  # natural logarithm, the end mark included where there is one
    score: float  # log_prob divided by the length penalty: what candidates are ranked by
    is_finished: bool  # ended by its end mark, not cut at the longest length


def length_penalty(length: float, alpha: float) -> float:
    """((5 + length) / 6)^alpha of Wu et al. (2016, eq. 14); `length` counts the end mark. 1 where alpha is 0."""
    return float(((5.0 + length) / 6.0) ** alpha)


def make_hypothesis(ids: tuple[int, ...], log_prob: float, *, alpha: float, is_finished: bool) -> Hypothesis:
    """A hypothesis with its score."""
    return Hypothesis(ids, log_prob, log_prob / length_penalty(len(ids) + is_finished, alpha), is_finished)


def ranked(hypotheses: Iterable[Hypothesis], num_best: int) -> list[Hypothesis]:
    """The best `num_best` by score, no pieces twice; those that were cut follow those that ended."""
    once: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in sorted(hypotheses, key=lambda one: (not one.is_finished, -one.score)):
        once.setdefault(hypothesis.ids, hypothesis)
    return list(once.values())[:num_best]
