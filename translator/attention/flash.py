"""Full attention without the full matrix: blocks of keys, a running maximum and sum (FlashAttention, Dao et al. 2022)."""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.autograd.function import once_differentiable

from translator.attention.full import Full, FullMemory
from translator.attention.interface import AttentionSettings

BLOCK = 128  # keys taken at once


class FlashSettings(AttentionSettings):
    """The same attention as `full`, for scores that are a dot product."""

    mechanism: Literal["flash"] = "flash"
    dropout: float = Field(0.0, ge=0, le=0, description="none: with it the kernel falls back to the full matrix")


class BlockAttention(torch.autograd.Function):
    """context = softmax(scale q . k) v, block by block (algorithm 1), and its gradients (algorithm 4).

    Only the context and the logarithm of each row's sum are kept; the backward pass makes each block of weights anew.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool, scale: float
    ) -> Tensor:
        """context_BHTK; mask_BS is True at real tokens."""
        highest = query.new_full((*query.shape[:3], 1), float("-inf"))
        total, context = torch.zeros_like(highest), value.new_zeros(*query.shape[:3], value.shape[3])
        for first in range(0, key.shape[2], BLOCK):
            score = block_scores(query, key, mask, causal, scale, first)
            above = torch.maximum(score.amax(-1, keepdim=True), highest)
            finite = above.masked_fill(above == float("-inf"), 0.0)
            weight, kept = torch.exp(score - finite), torch.exp(highest - finite)
            context = context * kept + weight @ value[:, :, first : first + BLOCK]
            total, highest = total * kept + weight.sum(-1, keepdim=True), above
        nowhere = total == 0
        context = context / total.masked_fill(nowhere, 1.0)
        logarithm = (highest + total.log()).masked_fill(nowhere, 0.0)
        ctx.save_for_backward(query, key, value, mask, context, logarithm)
        ctx.causal, ctx.scale = causal, scale
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value, mask, context, logarithm = ctx.saved_tensors
        shared = (grad * context).sum(-1, keepdim=True)
        grad_query, grad_key, grad_value = torch.zeros_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for first in range(0, key.shape[2], BLOCK):
            block = slice(first, first + BLOCK)
            weight = torch.exp(block_scores(query, key, mask, ctx.causal, ctx.scale, first) - logarithm)
            grad_value[:, :, block] = weight.transpose(2, 3) @ grad
            grad_score = weight * (grad @ value[:, :, block].transpose(2, 3) - shared) * ctx.scale
            grad_query += grad_score @ key[:, :, block]
            grad_key[:, :, block] = grad_score.transpose(2, 3) @ query
        return grad_query, grad_key, grad_value, None, None, None


def block_scores(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, scale: float, first: int) -> Tensor:
    """score_BHTC of one block of keys, minus infinity where a query may not look."""
    num_queries, length = query.shape[2], key.shape[2]
    last = min(first + BLOCK, length)
    score = query @ key[:, :, first:last].transpose(2, 3) * scale
    if mask is not None:
        score = score.masked_fill(~mask[:, None, None, first:last], float("-inf"))
    if causal:
        position_T1 = torch.arange(length - num_queries, length, device=query.device).unsqueeze(1)
        score = score.masked_fill(torch.arange(first, last, device=query.device) > position_T1, float("-inf"))
    return score


class Flash(Full):
    """Equal to `full` to rounding, in memory that grows with n. Scores: those that are a dot product.

    The fast form is the library's fused kernel, as in `full`, the plain one is above. Where weights are wanted, they are
    computed as `full` does: to show a matrix one must have it.
    """

    settings = FlashSettings
    needs_dot = True

    def attend(self, query_BHTK: Tensor, memory: FullMemory, *, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """The context of full attention."""
        if want_weights or self.ops.fast:
            return super().attend(query_BHTK, memory, want_weights=want_weights)
        return BlockAttention.apply(query_BHTK, *memory, self.causal, self.score.dot_scale), None  # type: ignore[no-untyped-call]
