"""The mechanism of both founding papers: every query looks at all of its memory (Bahdanau 2015; Vaswani 2017, eq. 1)."""

from typing import ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions
from translator.attention.masks import masked_softmax, visible
from translator.ops.layers import Dropout


class FullSettings(AttentionSettings):
    """Full attention with any score."""

    mechanism: Literal["full"] = "full"


class FullMemory(NamedTuple):
    """Keys and values of all positions so far."""

    key: Tensor  # (B, H, S, K)
    value: Tensor  # (B, H, S, K)
    mask: Tensor | None  # (B, S), None where every position is real

    def select(self, row_B: Tensor) -> Self:
        """These rows, in this order."""
        return self._replace(
            key=self.key.index_select(0, row_B),
            value=self.value.index_select(0, row_B),
            mask=None if self.mask is None else self.mask.index_select(0, row_B),
        )


class Full(Mechanism[FullMemory]):
    """weight = softmax(score over the visible memory), context = the weighted average of the values.

    Where nobody asks for the weights and the score is a dot product, the library's fused kernel computes the same.
    What remembers the same and differs in `attend` alone (window, flash) is derived from it.
    """

    settings: ClassVar[type[AttentionSettings]] = FullSettings
    serves = frozenset({"encoder", "decoder", "cross"})

    def __init__(self, settings: AttentionSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.score, self.causal, self.ops = options.score, options.causal, options.ops
        self.dropout = Dropout(settings.dropout, ops=options.ops)

    def remember(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> FullMemory:
        """Keep everything."""
        return FullMemory(key_BHSK, value_BHSK, mask_BS)

    def extend(self, memory: FullMemory, key_BHSK: Tensor, value_BHSK: Tensor) -> FullMemory:
        """Append the new positions, all of them real."""
        mask = None if memory.mask is None else functional.pad(memory.mask, (0, key_BHSK.shape[2]), value=True)
        return FullMemory(torch.cat((memory.key, key_BHSK), 2), torch.cat((memory.value, value_BHSK), 2), mask)

    def attend(self, query_BHTK: Tensor, memory: FullMemory, *, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Average the values by the softmax of the scores."""
        scale = self.score.dot_scale
        if scale is not None and self.may_fuse(want_weights):
            return fused_attention(query_BHTK, memory, causal=self.causal, scale=scale), None
        num_queries, length = query_BHTK.shape[2], memory.key.shape[2]
        mask = visible(memory.mask, num_queries, length, causal=self.causal, device=query_BHTK.device)
        context_BHTK, weight_BHTS = self.average(query_BHTK, memory, mask)
        return context_BHTK, weight_BHTS if want_weights else None

    def average(self, query_BHTK: Tensor, memory: FullMemory, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """(context_BHTK, weight_BHTS) of what the mask leaves visible; the memory's own mask is not looked at."""
        weight_BHTS = masked_softmax(self.score(query_BHTK, memory.key), mask)
        return self.dropout(weight_BHTS) @ memory.value, weight_BHTS

    def may_fuse(self, want_weights: bool) -> bool:
        """The fused kernel returns no weights, and its own dropout is not ours."""
        drops = self.training and self.dropout.probability > 0.0
        return self.ops.fast and not want_weights and not drops


def fused_attention(query_BHTK: Tensor, memory: FullMemory, *, causal: bool, scale: float) -> Tensor:
    """The same context by `F.scaled_dot_product_attention`, whose boolean mask means what ours does.

    Its `is_causal` puts the first query at the first position, so it serves only where there are as many of both.
    """
    num_queries, length = query_BHTK.shape[2], memory.key.shape[2]
    is_square = causal and memory.mask is None and bool(num_queries == length)  # a compiler's numbers are none yet
    mask = None
    if not is_square:
        mask = visible(memory.mask, num_queries, length, causal=causal, device=query_BHTK.device)
    return functional.scaled_dot_product_attention(
        query_BHTK, memory.key, memory.value, attn_mask=mask, is_causal=is_square, scale=scale
    )
