"""The output layer and the loss of two views of the same targets: cross-entropy, and how far the two outputs differ.

With p and q the distributions over the vocabulary that the model predicts from the first and from the second view:

    loss = first CE(p) + second CE(q) + forward KL(p || q) + backward KL(q || p)

The gradients reach both views (nothing is detached):

    d KL(p || q) / d logits of p = p (log p - log q - KL(p || q))        d KL(p || q) / d logits of q = q - p
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from translator.ops import loss
from translator.ops.linear import padded


class PairWeights(NamedTuple):
    """How much each term of the loss counts; see the equation above."""

    first: float
    second: float
    forward: float
    backward: float


def plain_pair_loss(
    logits_2MV: Tensor, target_M: Tensor, counts_M: Tensor | None, *, label_smoothing: float, weights: PairWeights
) -> Tensor:
    """Return the loss summed over the rows that count (None: all), in the library's operations."""
    log_p_MV, log_q_MV = logits_2MV.log_softmax(2)
    options: dict[str, Any] = {"label_smoothing": label_smoothing, "reduction": "none"}
    loss_M: Tensor = (
        weights.first * functional.cross_entropy(log_p_MV, target_M, **options)
        + weights.second * functional.cross_entropy(log_q_MV, target_M, **options)
        + weights.forward * (log_p_MV.exp() * (log_p_MV - log_q_MV)).sum(1)
        + weights.backward * (log_q_MV.exp() * (log_q_MV - log_p_MV)).sum(1)
    )
    return (loss_M if counts_M is None else loss_M * counts_M).sum()


class ChunkedPairLoss(Function):
    """The same loss of logits hidden W^T + b, like `loss.ChunkedOutputLoss` with one chunk of the logits in memory at a time.

    Computes the gradients in the forward pass; the backward pass, possible once, only scales them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_2MD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor,
        target_M: Tensor,
        counts_M: Tensor | None,
        label_smoothing: float,
        dtype: torch.dtype,
        weights: PairWeights,
    ) -> Tensor:
        short_weight_VD = weight_VD.to(dtype)
        grad_hidden_2MD = torch.empty_like(hidden_2MD)
        grad_weight_VD, grad_bias_V = torch.zeros_like(weight_VD), torch.zeros_like(bias_V)
        total = torch.zeros((), device=hidden_2MD.device)
        chunk_rows, block_rows = loss.rows_at_once(hidden_2MD.device, 2 * len(weight_VD))
        for first in range(0, len(target_M), chunk_rows):
            rows = slice(first, first + chunk_rows)
            target_R, hidden_2RD = target_M[rows], hidden_2MD[:, rows]
            count_R1 = None if counts_M is None else counts_M[rows].to(bias_V.dtype).unsqueeze(1)
            short_hidden_XD = padded(hidden_2RD.flatten(0, 1), dtype)  # X: both views of the chunk, and padding
            logits_XV = short_hidden_XD @ short_weight_VD.T
            logits_2RV = logits_XV[: 2 * len(target_R)].view(2, len(target_R), -1)
            for start in range(0, len(target_R), block_rows):
                block = slice(start, start + block_rows)
                count = None if count_R1 is None else count_R1[block]
                pair_2RV, target = logits_2RV[:, block], target_R[block]
                block_loss, grad_bias = _differentiate_pair(pair_2RV, bias_V, target, count, label_smoothing, weights)
                total += block_loss
                grad_bias_V += grad_bias
            # Overwritten in place by their gradients; logits of padded rows are zero and stay so.
            grad_hidden_2MD[:, rows] = (logits_XV @ short_weight_VD)[: 2 * len(target_R)].view_as(hidden_2RD)
            grad_weight_VD += logits_XV.T @ short_hidden_XD
        ctx.save_for_backward(grad_hidden_2MD, grad_weight_VD, grad_bias_V)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *(saved.mul_(grad) for saved in ctx.saved_tensors), *([None] * 5)


def _differentiate_pair(
    logits_2RV: Tensor,
    bias_V: Tensor,
    target_R: Tensor,
    count_R1: Tensor | None,
    label_smoothing: float,
    weights: PairWeights,
) -> tuple[Tensor, Tensor]:
    """Return the summed loss of logits W h, still without the bias, and its gradient over the bias.

    The logits are overwritten by their gradient, which is zero in rows that do not count.
    """
    full_2RV = logits_2RV.to(bias_V.dtype) + bias_V
    log_2RV = full_2RV.log_softmax(2)
    p_RV, q_RV = torch.exp(log_2RV, out=full_2RV)  # in the memory of the logits
    ratio_RV = log_2RV[0] - log_2RV[1]
    forward_R1 = torch.linalg.vecdot(p_RV, ratio_RV).unsqueeze(1)
    backward_R1 = torch.linalg.vecdot(q_RV, ratio_RV).neg_().unsqueeze(1)
    loss_R1 = weights.forward * forward_R1 + weights.backward * backward_R1
    index_R1, uniform = target_R.unsqueeze(1), label_smoothing / len(bias_V)
    grads = []
    # Each view in turn: `inward` weighs the divergence from its own distribution, `outward` that from the other view's. All
    # multiples of its own probabilities are collected in one factor, which saves a third of the passes over the block.
    for view, (own_RV, other_RV, inward, outward, own_R1, sign) in enumerate(
        (
            (p_RV, q_RV, weights.forward, weights.backward, forward_R1, 1.0),
            (q_RV, p_RV, weights.backward, weights.forward, backward_R1, -1.0),
        )
    ):
        share = weights[view]  # of the cross-entropy
        factor_RV = (ratio_RV * (sign * inward)).add_(share + outward - inward * own_R1)
        grad_RV = factor_RV.mul_(own_RV)
        if outward:
            grad_RV.add_(other_RV, alpha=-outward)
        if share:
            log_prob_RV = log_2RV[view]
            loss_R1 = loss_R1 - share * (1 - label_smoothing) * log_prob_RV.gather(1, index_R1)
            grad_RV.scatter_add_(1, index_R1, grad_RV.new_full(index_R1.shape, share * (label_smoothing - 1)))
            if uniform:
                loss_R1 = loss_R1 - share * uniform * log_prob_RV.sum(1, keepdim=True)
                grad_RV.sub_(share * uniform)
        grads.append(grad_RV if count_R1 is None else grad_RV.mul_(count_R1))
    logits_2RV[0], logits_2RV[1] = grads
    return (loss_R1 if count_R1 is None else loss_R1 * count_R1).sum(), grads[0].sum(0) + grads[1].sum(0)
