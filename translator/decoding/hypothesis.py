"""A translation in pieces, and how translations of one sentence are ranked."""

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
