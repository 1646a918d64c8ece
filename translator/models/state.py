"""What both decoders carry from word to word: rows that hypotheses own, beside what is kept of each sentence once."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from translator.attention.interface import Memory


@dataclass(frozen=True)
class RowsState(ABC):
    """A `State` whose hypotheses own R = B N rows."""

    sources: tuple[Memory, ...]  # of the attentions to the source, one row a sentence
    num_hypotheses: int

    def reorder(self, parent_BN: Tensor) -> Self:
        """Rows of hypotheses move; the sources do not."""
        sentence_B = torch.arange(len(parent_BN), device=parent_BN.device)
        return replace(self.take(self.rows(sentence_B, parent_BN)), num_hypotheses=parent_BN.shape[1])

    def keep(self, sentence_B: Tensor) -> Self:
        """Sentences that stay, with their hypotheses."""
        every_N = torch.arange(self.num_hypotheses, device=sentence_B.device)
        sources = tuple(source.select(sentence_B) for source in self.sources)
        return replace(self.take(self.rows(sentence_B, every_N)), sources=sources)

    def rows(self, sentence_B: Tensor, hypothesis_BN: Tensor) -> Tensor:
        """row_R of these hypotheses of these sentences."""
        return (sentence_B.unsqueeze(1) * self.num_hypotheses + hypothesis_BN).flatten()

    @abstractmethod
    def take(self, row_R: Tensor) -> Self:
        """These rows of what hypotheses own."""
