"""Full attention: every query attends to its whole memory (Bahdanau et al. 2015; Vaswani et al. 2017, eq. 1)."""

from typing import ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions
from translator.attention.masks import attention_mask, masked_softmax
from translator.ops.layers import Dropout


class FullSettings(AttentionSettings):
    """Full attention with any score."""

    mechanism: Literal["full"] = "full"


class FullMemory(NamedTuple):
    """Keys and values of all positions so far."""

    key: Tensor  # (B, H, S, K)
    value: Tensor  # (B, H, S, K)
    mask: Tensor | None  # (B, S), None if every position is real

    def select(self, row_B: Tensor) -> Self:
        return self._replace(
            key=self.key.index_select(0, row_B),
            value=self.value.index_select(0, row_B),
            mask=None if self.mask is None else self.mask.index_select(0, row_B),
        )


class Full(Mechanism[FullMemory]):
    """weight = softmax of the masked scores, context = weighted average of the values.

    If no weights are needed and the score is a dot product, a fused kernel of the library computes the same. Mechanisms
    with the same memory and another `attend` (window, flash) derive from this class.
    """

    settings: ClassVar[type[AttentionSettings]] = FullSettings
    places = frozenset({"encoder", "decoder", "cross"})

    def __init__(self, settings: AttentionSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.score, self.causal, self.ops = options.score, options.causal, options.ops
        self.dropout = Dropout(settings.dropout, ops=options.ops)
        self.fuses = self.ops.fast and self.score.dot_scale is not None and settings.dropout == 0.0

    def make_memory(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> FullMemory:
        return FullMemory(key_BHSK, value_BHSK, mask_BS)

    def extend_memory(self, memory: FullMemory, key_BHSK: Tensor, value_BHSK: Tensor) -> FullMemory:
        """Append the new positions, all of them real tokens."""
        mask = None if memory.mask is None else functional.pad(memory.mask, (0, key_BHSK.shape[2]), value=True)
        return FullMemory(torch.cat((memory.key, key_BHSK), 2), torch.cat((memory.value, value_BHSK), 2), mask)

    def attend(self, query_BHTK: Tensor, memory: FullMemory, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        num_queries, length, scale = query_BHTK.shape[2], memory.key.shape[2], self.score.dot_scale
        drops_weights = self.training and self.dropout.probability > 0.0  # the kernel draws its dropout differently
        is_fused = scale is not None and self.ops.fast and not need_weights and not drops_weights
        # The library's `is_causal` puts the first query at the first position, ours puts the last query at the last position.
        # The two agree if there are as many queries as keys. While torch.compile traces, lengths are symbols, hence bool().
        is_causal = is_fused and self.causal and memory.mask is None and bool(num_queries == length)
        mask = None
        if not is_causal:
            mask = attention_mask(memory.mask, num_queries, length, causal=self.causal, device=query_BHTK.device)
        if is_fused:
            context_BHTK = functional.scaled_dot_product_attention(
                query_BHTK, memory.key, memory.value, attn_mask=mask, is_causal=is_causal, scale=scale
            )
            return context_BHTK, None
        if query_BHTK.dtype.itemsize < torch.float32.itemsize:  # projected for the kernel, which returns no weights
            query_BHTK = query_BHTK.float()
            memory = memory._replace(key=memory.key.float(), value=memory.value.float())
        context_BHTK, weight_BHTS = self.average(query_BHTK, memory, mask)
        return context_BHTK, weight_BHTS if need_weights else None

    def average(self, query_BHTK: Tensor, memory: FullMemory, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (context_BHTK, weight_BHTS) over the positions that `mask` allows; ignores the memory's own mask."""
        weight_BHTS = masked_softmax(self.score(query_BHTK, memory.key), mask)
        return self.dropout(weight_BHTS) @ memory.value, weight_BHTS
