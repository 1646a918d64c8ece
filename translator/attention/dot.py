"""The dot product of query and key, nothing projected (Luong et al. 2015, eq. 8)."""

from typing import ClassVar

from torch import Tensor

from translator.attention.interface import Projection, Score


class Dot(Score):
    """score(q, k) = q . k, so query and key must have one width.

    For independent unit-variance entries its variance grows with that width, and its softmax saturates.
    """

    projection: ClassVar[Projection] = "none"

    @property
    def dot_scale(self) -> float | None:
        """No scaling."""
        return 1.0

    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        """score_BHTS."""
        return query_BHTK @ key_BHSK.transpose(-1, -2)
