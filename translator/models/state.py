"""Decoder state of both architectures: rows that belong to hypotheses, and memories stored once per sentence."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from translator.attention.interface import Memory


@dataclass(frozen=True)
class RowsState(ABC):
    """A `State` with one row per hypothesis, R = B * N; row b * N + n is hypothesis n of sentence b."""

    source_memories: tuple[Memory, ...]  # one per cross-attention, each with one row per sentence
    num_hypotheses: int

    def reorder(self, parent_BN: Tensor) -> Self:
        sentence_B = torch.arange(len(parent_BN), device=parent_BN.device)
        return replace(self.take(self._rows(sentence_B, parent_BN)), num_hypotheses=parent_BN.shape[1])

    def keep(self, sentence_B: Tensor) -> Self:
        hypothesis_N = torch.arange(self.num_hypotheses, device=sentence_B.device)
        memories = tuple(memory.select(sentence_B) for memory in self.source_memories)
        return replace(self.take(self._rows(sentence_B, hypothesis_N)), source_memories=memories)

    def _rows(self, sentence_B: Tensor, hypothesis_BN: Tensor) -> Tensor:
        return (sentence_B.unsqueeze(1) * self.num_hypotheses + hypothesis_BN).flatten()

    @abstractmethod
    def take(self, row_R: Tensor) -> Self:
        """Return the state with these rows of everything that belongs to hypotheses."""
