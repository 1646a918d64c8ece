"""The output layer and its cross-entropy: half the arithmetic of a small model, so it is worth one pass of its own.

Label smoothing (Szegedy et al. 2016) mixes the target with the uniform distribution over all V words:
    loss = -(1 - smoothing) log p[target] - smoothing / V * sum_v log p[v]
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from translator.ops.linear import padded, rounded_up

CHUNK_ELEMENTS = 2**20
"""Logits held at once: 4 MB in fp32, so that a chunk stays in the cache from product to gradient."""
CHUNK_ELEMENTS_OF_GPU = 2**26
"""There a chunk is a few launches, whatever its size, so chunks are large and few."""


class ChunkedOutputLoss(Function):
    """Loss and gradients in one forward pass; the backward pass, which may come once, only scales them.

    No more than a chunk of the logits is ever held. Matrix products take operands rounded to `dtype`.
    The gradient of a row's logits is softmax - (1 - smoothing) onehot - smoothing / V. Its last part is the same for
    every word, so that part's share of each product is a sum over rows or words, added at the end.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_MD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor,
        target_M: Tensor,
        label_smoothing: float,
        dtype: torch.dtype,
    ) -> Tensor:
        """The loss summed over rows: go over them in chunks, keeping gradients only."""
        short_weight_VD = weight_VD.to(dtype)
        grad_hidden_MD = torch.empty_like(hidden_MD)
        grad_weight_VD, grad_bias_V = torch.zeros_like(weight_VD), torch.zeros_like(bias_V)
        uniform, word_sum_D = label_smoothing / len(weight_VD), weight_VD.sum(0)
        logit_sum = (hidden_MD @ word_sum_D).sum() + len(hidden_MD) * bias_V.sum()
        total = -uniform * logit_sum
        elements = CHUNK_ELEMENTS if hidden_MD.device.type == "cpu" else CHUNK_ELEMENTS_OF_GPU
        num_rows = rounded_up(max(1, elements // len(weight_VD)))
        for first in range(0, len(hidden_MD), num_rows):
            chunk = slice(first, first + num_rows)
            short_hidden_RD, size = padded(hidden_MD[chunk], dtype), len(target_M[chunk])
            logits_RV = (short_hidden_RD @ short_weight_VD.T)[:size].to(hidden_MD.dtype).add_(bias_V)
            loss, grad_logits_RV = sharpened_cross_entropy(logits_RV, target_M[chunk], label_smoothing)
            total += loss
            short_grad_RV = padded(grad_logits_RV, dtype)
            grad_hidden_MD[chunk] = (short_grad_RV @ short_weight_VD)[:size]
            grad_weight_VD += short_grad_RV.T @ short_hidden_RD
            grad_bias_V += grad_logits_RV.sum(0)
        grad_hidden_MD -= uniform * word_sum_D
        grad_weight_VD -= uniform * hidden_MD.sum(0)
        grad_bias_V -= uniform * len(hidden_MD)
        ctx.save_for_backward(grad_hidden_MD, grad_weight_VD, grad_bias_V)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what the forward pass left."""
        return *(saved * grad for saved in ctx.saved_tensors), None, None, None


def sharpened_cross_entropy(logits_RV: Tensor, target_R: Tensor, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """The summed loss and its gradient over the logits, both without the part that is the same for every word.

    loss = logsumexp(logits) - (1 - smoothing) logit[target],   gradient = softmax - (1 - smoothing) onehot
    """
    index_R1 = target_R.unsqueeze(1)
    target_logit = logits_RV.gather(1, index_R1).sum()
    log_prob_RV = logits_RV.log_softmax(1)
    loss = label_smoothing * target_logit - log_prob_RV.gather(1, index_R1).sum()
    grad_RV = log_prob_RV.exp_()
    grad_RV.scatter_add_(1, index_R1, grad_RV.new_full(index_R1.shape, label_smoothing - 1.0))
    return loss, grad_RV
