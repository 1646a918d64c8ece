"""Dot score: the dot product of query and key, nothing projected (Luong et al. 2015, section 3.1)."""

from typing import ClassVar

from torch import Tensor

from translator.attention.interface import Projection, Score


class Dot(Score):
    """score(q, k) = q . k, so query and key must have the same width.

    For independent entries of unit variance, the variance of the score is that width, so wide dot products saturate
    the softmax.
    """

    projection: ClassVar[Projection] = "none"

    @property
    def dot_scale(self) -> float | None:
        return 1.0

    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        return query_BHTK @ key_BHSK.transpose(-1, -2)
