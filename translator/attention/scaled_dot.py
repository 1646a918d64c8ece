"""Scaled dot score: the dot product divided by the square root of its width (Vaswani et al. 2017, eq. 1)."""

import math

from torch import Tensor

from translator.attention.interface import Score


class ScaledDot(Score):
    """score(q, k) = q . k / sqrt(K), whose variance for independent entries of unit variance is 1 (section 3.2.1)."""

    projection = "both"

    def __init__(self, num_heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(num_heads, query_dim, key_dim)
        self.scale = 1 / math.sqrt(query_dim)

    @property
    def dot_scale(self) -> float | None:
        return self.scale

    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        return (query_BHTK * self.scale) @ key_BHSK.transpose(-1, -2)
