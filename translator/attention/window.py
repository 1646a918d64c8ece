"""Sliding-window attention: each query looks at its neighbourhood alone (Longformer, Beltagy et al. 2020, section 3.1)."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from translator.attention.full import Full, FullMemory
from translator.attention.interface import AttentionSettings, MechanismOptions
from translator.attention.masks import visible


class WindowSettings(AttentionSettings):
    """A neighbourhood, and perhaps a few positions that everybody sees."""

    mechanism: Literal["window"] = "window"
    window: int = Field(
        16, ge=1, description="positions on either side that a query sees; where causal, before it only"
    )
    global_positions: int = Field(0, ge=0, description="first positions that all see, and that see all they may")


class Window(Full):
    """Query t sees position s where |t - s| <= window, and s <= t where causal. Time and memory grow with n x window.

    Queries are cut into blocks of at most `window`; a block needs no keys but its own and `window` on either side. Each
    block becomes a row of the batch, so any score will do and no n x n matrix is ever written. A window of at least
    n - 1 equals full attention.
    """

    settings = WindowSettings
    serves = frozenset({"encoder", "decoder"})
    why_not = "a window needs queries and keys of one sequence"

    def __init__(self, settings: WindowSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.window, self.num_global = settings.window, settings.global_positions

    def attend(self, query_BHTK: Tensor, memory: FullMemory, *, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Band by band; weights come as weight_BHTS, zero outside the band."""
        num_queries, length = query_BHTK.shape[2], memory.key.shape[2]
        span_CL, near_CWL = self.bands(num_queries, length, query_BHTK.device)
        blocks, width = near_CWL.shape[:2]
        padded = torch.nn.functional.pad(query_BHTK, (0, 0, 0, blocks * width - num_queries))
        mask = near_CWL.repeat(len(query_BHTK), 1, 1).unsqueeze(1)  # (B C, 1, W, L)
        if memory.mask is not None:
            mask = mask & memory.mask[:, span_CL.flatten()].view(-1, 1, 1, span_CL.shape[1])
        key, value = (as_rows(x.index_select(2, span_CL.flatten()), blocks) for x in (memory.key, memory.value))
        context, weight = self.average(as_rows(padded, blocks), FullMemory(key, value, None), mask)
        context_BHTK = from_rows(context, blocks)[:, :, :num_queries]
        weight_BHTS = None
        if want_weights:
            index = span_CL.repeat(len(query_BHTK), 1)[:, None, None, :].expand_as(weight)
            whole = weight.new_zeros(*weight.shape[:3], length).scatter_add(3, index, weight)
            weight_BHTS = from_rows(whole, blocks)[:, :, :num_queries]
        return self.with_global_rows(query_BHTK, memory, context_BHTK, weight_BHTS)

    def bands(self, num_queries: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """(span_CL, near_CWL): the positions that each block of queries needs, and which of them each query sees."""
        before, width = min(self.window, length), max(min(self.window, num_queries), 1)
        first, blocks = length - num_queries, -(-num_queries // width)
        position_CW = first + torch.arange(blocks * width, device=device).view(blocks, width)
        reach = width if self.causal else width + before
        span_CL = position_CW[:, :1] + torch.arange(-before, reach, device=device)
        distance_CWL = position_CW.unsqueeze(2) - span_CL.unsqueeze(1)
        near_CWL = (distance_CWL <= self.window) & (distance_CWL >= (0 if self.causal else -self.window))
        near_CWL = near_CWL & ((span_CL >= self.num_global) & (span_CL < length)).unsqueeze(1)
        if num_global := min(self.num_global, length):
            everywhere_CL = torch.arange(num_global, device=device).expand(blocks, -1)
            seen_CWL = torch.ones_like(near_CWL[:, :, :1]).expand(-1, -1, num_global)
            if self.causal:
                seen_CWL = everywhere_CL.unsqueeze(1) <= position_CW.unsqueeze(2)
            span_CL, near_CWL = torch.cat((everywhere_CL, span_CL), 1), torch.cat((seen_CWL, near_CWL), 2)
        return span_CL.clamp(0, length - 1), near_CWL

    def with_global_rows(
        self, query_BHTK: Tensor, memory: FullMemory, context_BHTK: Tensor, weight_BHTS: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Let the global queries see everything; where causal the band has shown them all of their past already."""
        length = memory.key.shape[2]
        rows = 0 if self.causal else max(self.num_global - (length - query_BHTK.shape[2]), 0)
        if rows:
            mask = visible(memory.mask, rows, length, causal=False, device=query_BHTK.device)
            context, weight = self.average(query_BHTK[:, :, :rows], memory, mask)
            context_BHTK = torch.cat((context, context_BHTK[:, :, rows:]), 2)
            weight_BHTS = None if weight_BHTS is None else torch.cat((weight, weight_BHTS[:, :, rows:]), 2)
        return context_BHTK, weight_BHTS


def as_rows(x: Tensor, blocks: int) -> Tensor:
    """(B, H, C W, K) as (B C, H, W, K): each block a row of the batch."""
    return torch.unflatten(x, 2, (blocks, -1)).transpose(1, 2).flatten(0, 1)


def from_rows(x: Tensor, blocks: int) -> Tensor:
    """(B C, H, W, K) as (B, H, C W, K) again."""
    return torch.unflatten(x, 0, (-1, blocks)).transpose(1, 2).flatten(2, 3)
