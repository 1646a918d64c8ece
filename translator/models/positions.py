"""Position encodings. Without them, permuting the source tokens only permutes the encoder's states."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from translator.errors import DataError


def sinusoids(first: int, length: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Return position_TD of positions first .. first + length - 1 (Vaswani et al. 2017, section 3.5).

        PE(p)[2i] = sin(p / 10000^(2i/D))        PE(p)[2i + 1] = cos(p / 10000^(2i/D))

    PE(p + k) is a rotation of PE(p) that depends on k only; the squared norm of every row is D / 2 (for even D).
    """
    position_T1 = torch.arange(first, first + length, device=device, dtype=torch.float32).unsqueeze(1)
    frequency_F = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000.0) / dim))  # 10000^(-2i/D)
    angle_TF = position_T1 * frequency_F
    # Interleave sines and cosines; an odd width leaves out the last cosine.
    return torch.stack((angle_TF.sin(), angle_TF.cos()), dim=-1).flatten(1)[:, :dim]


class Positions(nn.Module, ABC):
    """Adds to every token a vector that depends on its position."""

    max_length: int | None = None
    """Number of positions; None if unlimited."""

    def __init__(self, max_length: int, dim: int) -> None:
        """Initialise the encoding; only learned positions use the sizes."""
        super().__init__()

    @abstractmethod
    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        """Return x_BTD with positions first, first + 1, ... added."""


class NoPositions(Positions):
    """Adds nothing; shows what positions are good for."""

    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        return x_BTD


class SinusoidalPositions(Positions):
    """Adds fixed waves, for any length."""

    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        return x_BTD + sinusoids(first, x_BTD.shape[1], x_BTD.shape[2], x_BTD.device)


class LearnedPositions(Positions):
    """Adds one learned vector per position, up to a maximum length (Gehring et al. 2017)."""

    def __init__(self, max_length: int, dim: int) -> None:
        super().__init__(max_length, dim)
        self.max_length = max_length
        self.embedding_TD = nn.Parameter(torch.randn(max_length, dim) * 0.02)

    def forward(self, x_BTD: Tensor, first: int = 0) -> Tensor:
        """Add the vectors of positions first, first + 1, .... Raises DataError beyond the last position."""
        last, max_length = first + x_BTD.shape[1], len(self.embedding_TD)
        if last > max_length:
            problem = f"found a sentence of {last} tokens, but there are only {max_length} learned positions"
            advice = "shorten the sentence, or train with more or with sinusoidal positions"
            raise DataError("model.max_positions", problem, advice)
        return x_BTD + self.embedding_TD[first:last]


POSITIONS: dict[str, type[Positions]] = {
    "sinusoidal": SinusoidalPositions,
    "learned": LearnedPositions,
    "none": NoPositions,
}
