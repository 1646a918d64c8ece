"""A minimal model and batches for testing searches."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from tests.tiny import VOCAB_SIZE
from translator.models.interface import Model, Output
from translator.text.tokenizer import PAD


@dataclass(frozen=True)
class ToyState:
    """One vector per prefix and one per source."""

    prefix_BND: Tensor
    source_B1D: Tensor

    def reorder(self, parent_BN: Tensor) -> Self:
        index_BND = parent_BN.unsqueeze(2).expand(-1, -1, self.prefix_BND.shape[2])
        return replace(self, prefix_BND=self.prefix_BND.gather(1, index_BND))

    def keep(self, sentence_B: Tensor) -> Self:
        return replace(self, prefix_BND=self.prefix_BND[sentence_B], source_B1D=self.source_B1D[sentence_B])


class Toy(Model[Tensor, ToyState]):
    """prefix = tanh(prefix A + token + source), logits = prefix W^T + bias. It records the rows of every `advance`."""

    def __init__(self, dim: int = 6) -> None:
        super().__init__()
        self.token_VD = torch.randn(VOCAB_SIZE, dim)
        self.recurrence_DD = torch.randn(dim, dim)
        self.weight_VD = torch.randn(VOCAB_SIZE, dim)
        self.bias_V = torch.zeros(VOCAB_SIZE)
        self.rows: list[int] = []

    @property
    def output(self) -> Output:
        return Output(self.weight_VD, self.bias_V)

    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> Tensor:
        position_S1 = torch.arange(source_BS.shape[1]).unsqueeze(1)
        return torch.sin(self.token_VD[source_BS] * (1 + position_S1)).mul(mask_BS.unsqueeze(2)).sum(1, keepdim=True)

    def start(self, encoded: Tensor, num_hypotheses: int) -> ToyState:
        return ToyState(torch.zeros_like(encoded).expand(-1, num_hypotheses, -1), encoded)

    def advance(self, previous_BN: Tensor, state: ToyState) -> tuple[Tensor, ToyState]:
        self.rows.append(previous_BN.numel())
        carried_BND = (state.prefix_BND.unsqueeze(3) * self.recurrence_DD).sum(2)
        prefix_BND = torch.tanh(carried_BND + self.token_VD[previous_BN] + state.source_B1D)
        return prefix_BND, replace(state, prefix_BND=prefix_BND)

    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        state = self.start(self.encode(source_BS, mask_BS), 1)
        hidden = []
        for previous_B in previous_BT.T:
            hidden_B1D, state = self.advance(previous_B.unsqueeze(1), state)
            hidden.append(hidden_B1D)
        return torch.cat(hidden, 1)

    def attention_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        return {}


class Source(NamedTuple):
    """A padded batch of sources."""

    ids: Tensor  # (B, S)
    mask: Tensor  # (B, S)


def padded(sentences: list[list[int]], extra: int = 0) -> Source:
    """Return sentences as a batch, with `extra` columns of padding more than needed."""
    length = max(map(len, sentences)) + extra
    ids_BS = torch.tensor([[*sentence, *[PAD] * (length - len(sentence))] for sentence in sentences])
    return Source(ids_BS, ids_BS != PAD)
