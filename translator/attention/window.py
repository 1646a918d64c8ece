"""Sliding-window attention: each query attends to its neighbourhood only (Longformer, Beltagy et al. 2020, section 3.1)."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from translator.attention.full import Full, FullMemory
from translator.attention.interface import AttentionSettings, MechanismOptions
from translator.attention.masks import attention_mask


class WindowSettings(AttentionSettings):
    """The size of the neighbourhood and the number of global positions."""

    mechanism: Literal["window"] = "window"
    window: int = Field(
        16, ge=1, description="positions on each side that a query attends to; if causal, only on the left"
    )
    global_positions: int = Field(
        0, ge=0, description="leading positions that every query attends to, and that attend to every position"
    )


class Window(Full):
    """Query t attends to position s if |t - s| <= window, and s <= t if causal.

    In the paper, a window of w has w / 2 positions on each side, and global positions have projections of their own.

    Time and memory grow with length x window. The queries are cut into C blocks of width W <= window. A block needs its
    own keys and `window` keys on each side of them, its span of L keys. Each block becomes a row of the batch, so any
    score can be used and no length x length matrix is stored. A window of at least length - 1 equals full attention.

        window 2, W 2      keys 0  1  2  3  4  5  6  7  8
        block 1, query 2        x  x  x  x  x  .             span 0 .. 5: 2 before, 2 own, 2 after
                 query 3        .  x  x  x  x  x
        block 2, query 4              x  x  x  x  x  .       span 2 .. 7
                 query 5              .  x  x  x  x  x
    """

    settings = WindowSettings
    places = frozenset({"encoder", "decoder"})
    place_reason = "a window needs queries and keys of one sequence"

    def __init__(self, settings: WindowSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.fuses = False  # its bands go through `average`
        self.window, self.num_global = settings.window, settings.global_positions

    def attend(self, query_BHTK: Tensor, memory: FullMemory, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        num_queries, length = query_BHTK.shape[2], memory.key.shape[2]
        span_CL, mask_CWL = self._bands(num_queries, length, query_BHTK.device)
        num_blocks, width = mask_CWL.shape[:2]
        # The last block is filled up; what is added here is cut off at the end.
        padded = torch.nn.functional.pad(query_BHTK, (0, 0, 0, num_blocks * width - num_queries))
        mask = mask_CWL.repeat(len(query_BHTK), 1, 1).unsqueeze(1)  # (B C, 1, W, L)
        if memory.mask is not None:
            # (B, C L) becomes (B C, 1, 1, L), as the blocks are rows of the batch.
            mask = mask & memory.mask[:, span_CL.flatten()].view(-1, 1, 1, span_CL.shape[1])
        key, value = (
            _blocks_to_rows(x.index_select(2, span_CL.flatten()), num_blocks) for x in (memory.key, memory.value)
        )
        context, weight = self.average(_blocks_to_rows(padded, num_blocks), FullMemory(key, value, None), mask)
        context_BHTK = _rows_to_blocks(context, num_blocks)[:, :, :num_queries]
        weight_BHTS = None
        if need_weights:
            # Scatter-add puts the L weights of a span at their positions among all S. Clamped indices occur several times
            # but carry weight only once, since positions outside the sequence are masked.
            index = span_CL.repeat(len(query_BHTK), 1)[:, None, None, :].expand_as(weight)
            full_weight = weight.new_zeros(*weight.shape[:3], length).scatter_add(3, index, weight)
            weight_BHTS = _rows_to_blocks(full_weight, num_blocks)[:, :, :num_queries]
        # Global queries attend to every position. If causal, their bands hold all positions before them, which are global.
        num_global = 0 if self.causal else max(self.num_global - (length - num_queries), 0)
        if num_global:
            global_mask = attention_mask(memory.mask, num_global, length, causal=False, device=query_BHTK.device)
            context, weight = self.average(query_BHTK[:, :, :num_global], memory, global_mask)
            context_BHTK = torch.cat((context, context_BHTK[:, :, num_global:]), 2)
            weight_BHTS = None if weight_BHTS is None else torch.cat((weight, weight_BHTS[:, :, num_global:]), 2)
        return context_BHTK, weight_BHTS

    def _bands(self, num_queries: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return (span_CL, mask_CWL): the positions that each block needs, and which of them each query attends to."""
        before, width = min(self.window, length), max(min(self.window, num_queries), 1)
        num_blocks = -(-num_queries // width)  # rounded up
        first = length - num_queries  # position of the first query: the last query is at the last position
        position_CW = first + torch.arange(num_blocks * width, device=device).view(num_blocks, width)
        # The span runs from `before` positions left of the block's first query to `before` right of its last one, or, if
        # causal, to its last one.
        after_first = width if self.causal else width + before
        span_CL = position_CW[:, :1] + torch.arange(-before, after_first, device=device)
        distance_CWL = position_CW.unsqueeze(2) - span_CL.unsqueeze(1)
        mask_CWL = (distance_CWL <= self.window) & (distance_CWL >= (0 if self.causal else -self.window))
        # Spans reach beyond both ends of the sequence; global positions get separate columns below.
        mask_CWL = mask_CWL & ((span_CL >= self.num_global) & (span_CL < length)).unsqueeze(1)
        if num_global := min(self.num_global, length):
            # The same global positions for every block.
            global_CL = torch.arange(num_global, device=device).expand(num_blocks, -1)
            global_mask_CWL = torch.ones_like(mask_CWL[:, :, :1]).expand(-1, -1, num_global)
            if self.causal:
                global_mask_CWL = global_CL.unsqueeze(1) <= position_CW.unsqueeze(2)
            span_CL, mask_CWL = torch.cat((global_CL, span_CL), 1), torch.cat((global_mask_CWL, mask_CWL), 2)
        return span_CL.clamp(0, length - 1), mask_CWL


def _blocks_to_rows(x: Tensor, num_blocks: int) -> Tensor:
    """(B, H, C W, K) to (B C, H, W, K): each block becomes a row of the batch."""
    return torch.unflatten(x, 2, (num_blocks, -1)).transpose(1, 2).flatten(0, 1)


def _rows_to_blocks(x: Tensor, num_blocks: int) -> Tensor:
    """(B C, H, W, K) back to (B, H, C W, K)."""
    return torch.unflatten(x, 0, (-1, num_blocks)).transpose(1, 2).flatten(2, 3)
