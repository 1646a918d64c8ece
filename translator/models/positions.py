"""Where a word stands. Attention alone cannot notify: without positions it is equivariant under permutation."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from translator.errors import DataError


def sinusoids(first: int, length: int, dim: int, device: torch.device | None = None) -> Tensor:
    """position_TD for positions first .. first + length - 1 (Vaswani et al. 2017, section 3.5).

        PE(p)[2i] = sin(p / 10000^(2i/D))        PE(p)[2i + 1] = cos(p / 10000^(2i/D))

    PE(p + k) is a rotation of PE(p) that depends on k alone; the squared norm of every row is D / 2 (for even D).
    """
    position_T1 = torch.arange(first, first + length, device=device, dtype=torch.float32).unsqueeze(1)
    frequency_F = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000.0) / dim))
    angle_TF = position_T1 * frequency_F
    return torch.stack((angle_TF.sin(), angle_TF.cos()), dim=-1).flatten(1)[:, :dim]


class Positions(nn.Module, ABC):
    """Something is added that depends on a word's place; `max_length` is the last place there is, None without end."""

    max_length: int | None = None

    @abstractmethod
    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        """x_BTD at positions first, first + 1, ..."""


class NoPositions(Positions):
    """Nothing is added, to show what positions are for."""

    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        """`x_BTD` itself."""
        return x_BTD


class SinusoidalPositions(Positions):
    """Fixed waves are added; any length will do."""

    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        """`x_BTD` plus the waves of positions first, first + 1, ..."""
        return x_BTD + sinusoids(first, x_BTD.shape[1], x_BTD.shape[2], x_BTD.device)


class LearnedPositions(Positions):
    """One learned vector a position, up to a maximum (Gehring et al. 2017). Raises DataError past the last one."""

    def __init__(self, max_length: int, dim: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.embedding_TD = nn.Parameter(torch.randn(max_length, dim) * 0.02)

    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        """`x_BTD` plus the vectors of positions first, first + 1, ..."""
        last, max_length = first + x_BTD.shape[1], len(self.embedding_TD)
        if last > max_length:
            raise DataError(
                "model.max_positions",
                f"a sentence of {last} pieces, but there are only {max_length} learned positions",
                "shorten it, or train with more or with sinusoidal positions",
            )
        return x_BTD + self.embedding_TD[first:last]
