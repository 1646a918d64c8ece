"""Consistency training: each pair is computed twice, and the two outputs are drawn towards each other.

CONSISTENCIES maps a name to a function of `training.consistency_weight` and `training.consistency_cut` that returns what the
objective does, or None.
"""

from collections.abc import Callable
from typing import NamedTuple

from translator.ops.consistency import PairWeights


class Consistency(NamedTuple):
    """How the second view of a pair is made, and how both views enter the loss."""

    weights: PairWeights
    cut: float  # share of the token embeddings, on both sides, that are zero in the second view


def rdrop(weight: float, cut: float) -> Consistency:
    """Return R-Drop (Liang et al. 2021): two views that differ in their dropout masks, and their symmetric divergence.

    The loss is half of the paper's equation 4, so that it is a mean over the target tokens like every other loss:
        (CE(p) + CE(q)) / 2 + weight (KL(p || q) + KL(q || p)) / 4
    """
    return Consistency(PairWeights(0.5, 0.5, weight / 4, weight / 4), 0.0)


def simcut(weight: float, cut: float) -> Consistency:
    """Return SimCut (Gao et al. 2022): the second view lacks some of the token embeddings.

        CE(p) + weight KL(p || q)

    The authors' code never cuts BOS and the EOS of the source.
    """
    return Consistency(PairWeights(1.0, 0.0, weight, 0.0), cut)


def none(weight: float, cut: float) -> None:
    """Return None: each pair is computed once."""


CONSISTENCIES: dict[str, Callable[[float, float], Consistency | None]] = {
    "none": none,
    "rdrop": rdrop,
    "simcut": simcut,
}
