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

CHUNK_ELEMENTS = 2**21
"""Logits held at once: enough rows that a product is worth its start, and the sum of its gradients too."""
BLOCK_ELEMENTS = 2**20
"""Logits turned into gradients at once: 4 MB in fp32, so that they stay in the cache from one operation to the next."""
ELEMENTS_OF_GPU = 2**26
"""There either is a few launches, whatever its size, so they are large and few."""


class ChunkedOutputLoss(Function):
    """Loss and gradients in one forward pass; the backward pass, which may come once, only scales them.

    Of the logits no more than a chunk is ever held, in `dtype`, to which matrix products round their operands. A block
    of it at a time becomes its own gradient, which is reckoned in the hidden states' type.
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
        on_cpu, num_words = hidden_MD.device.type == "cpu", len(weight_VD)
        chunk_rows = rounded_up(max(1, (CHUNK_ELEMENTS if on_cpu else ELEMENTS_OF_GPU) // num_words))
        block_rows = max(1, (BLOCK_ELEMENTS if on_cpu else ELEMENTS_OF_GPU) // num_words)
        chunks = (torch.split(rows, chunk_rows) for rows in (hidden_MD, target_M, grad_hidden_MD))
        for hidden_RD, target_R, grad_hidden_RD in zip(*chunks, strict=True):
            short_hidden_RD = padded(hidden_RD, dtype)
            logits_RV = short_hidden_RD @ short_weight_VD.T
            blocks = (torch.split(rows, block_rows) for rows in (logits_RV[: len(target_R)], target_R))
            for logits, target in zip(*blocks, strict=True):
                loss, grad_bias = differentiate(logits, bias_V, target, label_smoothing)
                total += loss
                grad_bias_V += grad_bias
            grad_logits_RV = logits_RV  # the rows that were padded are still zero
            grad_hidden_RD.copy_((grad_logits_RV @ short_weight_VD)[: len(target_R)])
            grad_weight_VD += grad_logits_RV.T @ short_hidden_RD
        grad_hidden_MD -= uniform * word_sum_D
        grad_weight_VD -= uniform * hidden_MD.sum(0)
        grad_bias_V -= uniform * len(hidden_MD)
        ctx.save_for_backward(grad_hidden_MD, grad_weight_VD, grad_bias_V)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what the forward pass left."""
        return *(saved.mul_(grad) for saved in ctx.saved_tensors), None, None, None


def differentiate(logits_RV: Tensor, bias_V: Tensor, target_R: Tensor, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """The summed loss of logits W h, still without the bias, and its gradient over the bias.

    In the logits' place it leaves its gradient over them. The part that is the same for every word is in none of these.
        loss = logsumexp(logits) - (1 - smoothing) logit[target],   gradient = softmax - (1 - smoothing) onehot
    """
    index_R1 = target_R.unsqueeze(1)
    full_RV = logits_RV.to(bias_V.dtype).add_(bias_V)
    target_logit = full_RV.gather(1, index_R1).sum()
    log_prob_RV = full_RV.log_softmax(1)
    loss = label_smoothing * target_logit - log_prob_RV.gather(1, index_R1).sum()
    grad_RV = torch.exp(log_prob_RV, out=full_RV)
    grad_RV.scatter_add_(1, index_R1, grad_RV.new_full(index_R1.shape, label_smoothing - 1.0))
    logits_RV.copy_(grad_RV)
    return loss, grad_RV.sum(0)
