"""What both architectures share: embeddings with weight tying, the output layer, and the rows of the decoder state."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from translator.attention.interface import Memory
from translator.errors import UsageError
from translator.models.interface import Output
from translator.ops.choice import Ops
from translator.ops.dropout import ROUNDING
from translator.text.tokenizer import PAD, Tokenizer

Tying: TypeAlias = Literal["all", "output", "none"]
TYING = "share one matrix between all embeddings and the output layer, or target and output, or none"
WORD_DROPOUT = f"share of the embeddings, of whole tokens of both languages, that training sets to zero; {ROUNDING}"


class Vocabularies(NamedTuple):
    """The sizes of both vocabularies, and whether both are the same vocabulary."""

    source_size: int
    target_size: int
    is_joint: bool
    num_slots: int = 0  # see `Model.num_slots`

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """Return what a model needs to know of a tokenizer."""
        return cls(tokenizer.source_size, tokenizer.target_size, tokenizer.is_joint, tokenizer.num_slots)


class Embeddings(nn.Module):
    """Source embedding, target embedding and output layer, with weight tying (Press and Wolf 2017; Vaswani et al. 2017).

    'output' shares one matrix between target embedding and output layer; 'all' also with the source embedding, which
    needs a joint vocabulary. Embedded tokens are multiplied by `scale`, so that a shared matrix can have the small
    values that suit the output layer. PAD has an embedding of zeros, so that a token can be hidden by replacing it, which
    word dropout does in training: each token is drawn on its own, while Gal and Ghahramani (2016) drop all occurrences of a
    word in a sentence together.
    """

    def __init__(
        self,
        vocabularies: Vocabularies,
        dim: int,
        *,
        tying: Tying,
        scale: float = 1.0,
        word_dropout: float = 0.0,
        ops: Ops = Ops(),  # noqa: B008 - a value
    ) -> None:
        super().__init__()
        if tying == "all" and not vocabularies.is_joint:
            advice = "set tokenizer.joint=true or model.tied_embeddings=output"
            raise UsageError("model.tied_embeddings", "'all' needs one vocabulary for both languages", advice)
        self.dim, self.scale, self.word_dropout, self.ops = dim, scale, word_dropout, ops
        self.target_VD = nn.Parameter(torch.randn(vocabularies.target_size, dim) * dim**-0.5)
        # The same parameter, so that one gradient serves all uses.
        self.source_VD = self.target_VD
        if tying != "all":
            self.source_VD = nn.Parameter(torch.randn(vocabularies.source_size, dim) * dim**-0.5)
        self.weight_VD = self.target_VD
        if tying == "none":
            self.weight_VD = nn.Parameter(torch.randn(vocabularies.target_size, dim) * dim**-0.5)
        self.bias_V = nn.Parameter(torch.zeros(vocabularies.target_size))

    def source(self, ids_BS: Tensor) -> Tensor:
        return self._embed(ids_BS, self.source_VD)

    def target(self, ids_BT: Tensor) -> Tensor:
        return self._embed(ids_BT, self.target_VD)

    def _embed(self, ids_BX: Tensor, weight_VD: Tensor) -> Tensor:
        if self.training and self.word_dropout:
            ids_BX = ids_BX.masked_fill(self.ops.draw_mask(ids_BX.shape, self.word_dropout, ids_BX.device), PAD)
        scale_BX = (ids_BX != PAD).to(weight_VD.dtype) * self.scale
        return functional.embedding(ids_BX, weight_VD) * scale_BX.unsqueeze(-1)

    @property
    def output(self) -> Output:
        return Output(self.weight_VD, self.bias_V)


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
