"""Full attention without the full matrix: blocks of keys, a running maximum and sum (FlashAttention, Dao et al. 2022)."""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.autograd.function import once_differentiable

from translator.attention.full import Full, FullMemory
from translator.attention.interface import AttentionSettings

_BLOCK_SIZE = 128  # keys per block


class FlashSettings(AttentionSettings):
    """The same attention as `full`, for scores that are a dot product."""

    mechanism: Literal["flash"] = "flash"
    dropout: float = Field(
        0.0, ge=0, le=0, description="must be 0: with dropout, PyTorch computes the full matrix on a CPU"
    )


class _BlockAttention(torch.autograd.Function):
    """context = softmax(scale q . k) v, block by block (algorithm 1), and its gradients (algorithm 4).

    Saves the context and the logarithm of each row's sum, as Dao (2024) does instead of maximum and sum; the backward pass
    recomputes the weights of each block. The paper's algorithm 2 also has dropout.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool, scale: float
    ) -> Tensor:
        """Return context_BHTK; mask_BS is True at real tokens."""
        peak = query.new_full((*query.shape[:3], 1), float("-inf"))  # largest score of each query so far
        total, context = torch.zeros_like(peak), value.new_zeros(*query.shape[:3], value.shape[3])
        for first in range(0, key.shape[2], _BLOCK_SIZE):
            score = _block_scores(query, key, mask, causal, scale, first)
            new_peak = torch.maximum(score.amax(-1, keepdim=True), peak)
            # Exponentials are taken relative to the peak, so none overflows; when the peak grows, the sums so far are
            # rescaled by `decay`. A peak of minus infinity (everything masked so far) would give inf - inf = NaN.
            shift = new_peak.masked_fill(new_peak == float("-inf"), 0.0)
            weight, decay = torch.exp(score - shift), torch.exp(peak - shift)
            context = context * decay + weight @ value[:, :, first : first + _BLOCK_SIZE]
            total, peak = total * decay + weight.sum(-1, keepdim=True), new_peak
        is_masked = total == 0  # queries that may attend to nothing get a zero context
        context = context / total.masked_fill(is_masked, 1.0)
        log_sum = (peak + total.log()).masked_fill(is_masked, 0.0)
        ctx.save_for_backward(query, key, value, mask, context, log_sum)
        ctx.causal, ctx.scale = causal, scale
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, mask, context, log_sum = ctx.saved_tensors
        # Gradient of a softmax: weight * (grad_weight - sum of weight * grad_weight); the sum equals grad . context.
        shared = (grad * context).sum(-1, keepdim=True)
        grad_query, grad_key, grad_value = torch.zeros_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for first in range(0, key.shape[2], _BLOCK_SIZE):
            block = slice(first, first + _BLOCK_SIZE)
            weight = torch.exp(_block_scores(query, key, mask, ctx.causal, ctx.scale, first) - log_sum)
            grad_value[:, :, block] = weight.transpose(2, 3) @ grad
            grad_score = weight * (grad @ value[:, :, block].transpose(2, 3) - shared) * ctx.scale
            grad_query += grad_score @ key[:, :, block]
            grad_key[:, :, block] = grad_score.transpose(2, 3) @ query
        return grad_query, grad_key, grad_value, None, None, None


def _block_scores(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, scale: float, first: int) -> Tensor:
    """Return score_BHTC of the block of keys that starts at `first`, minus infinity at masked positions."""
    num_queries, length = query.shape[2], key.shape[2]
    last = min(first + _BLOCK_SIZE, length)
    score = query @ key[:, :, first:last].transpose(2, 3) * scale
    if mask is not None:
        score = score.masked_fill(~mask[:, None, None, first:last], float("-inf"))
    if causal:
        position_T1 = torch.arange(length - num_queries, length, device=query.device).unsqueeze(1)
        score = score.masked_fill(torch.arange(first, last, device=query.device) > position_T1, float("-inf"))
    return score


class Flash(Full):
    """Equal to `full` up to rounding, with memory linear in the length; for scores that are a dot product.

    The fast form is the library's fused kernel, as in `full`; the plain form is `_BlockAttention`. Attention weights are
    computed as in `full`, since they are the full matrix.
    """

    settings = FlashSettings
    needs_dot = True

    def attend(self, query_BHTK: Tensor, memory: FullMemory, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        if need_weights or self.ops.fast:
            return super().attend(query_BHTK, memory, need_weights=need_weights)
        return _BlockAttention.apply(query_BHTK, *memory, self.causal, self.score.dot_scale), None  # type: ignore[no-untyped-call]
