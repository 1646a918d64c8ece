"""The output layer and its cross-entropy in one pass; they are half of the arithmetic of a small model.

Label smoothing (Szegedy et al. 2016, section 7) mixes the target with the uniform distribution over all V tokens:
    loss = -(1 - smoothing) log p[target] - smoothing / V * sum_v log p[v]
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from translator.ops.linear import column_sums, padded, rounded_up

CHUNK_ELEMENTS = 2**21
"""Number of logits in memory at once: enough rows for an efficient matrix product and sum of gradients."""
BLOCK_ELEMENTS = 2**20
"""Number of logits turned into gradients at once: 4 MB in fp32, which stay in the cache between operations."""
_GPU_ELEMENTS = 2**26
"""The same two numbers on a GPU, where few large kernels are faster than many small ones."""


class ChunkedOutputLoss(Function):
    """Computes loss and gradients in the forward pass; the backward pass, possible once, only scales them.

    Only one chunk of the logits is in memory at a time, in `dtype`, to which matrix products round their operands. Block
    by block it is overwritten by its gradient, which a CPU computes in the type of the hidden states and a GPU in `dtype`.

    The gradient of a row's logits is softmax - (1 - smoothing) onehot - smoothing / V. The last term is the same for
    every token, so its contribution to each product is a sum over rows or tokens, which is added once at the end.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_MD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor,
        target_M: Tensor,
        counts_M: Tensor | None,
        label_smoothing: float,
        dtype: torch.dtype,
    ) -> Tensor:
        """Sum the loss over the rows that count (None: all of them), chunk by chunk, keeping gradients only."""
        short_weight_VD = weight_VD.to(dtype)
        count_M1 = None if counts_M is None else counts_M.to(hidden_MD.dtype).unsqueeze(1)
        num_rows = len(hidden_MD) if count_M1 is None else count_M1.sum()
        counted_hidden_MD = _counted(hidden_MD, count_M1)
        grad_hidden_MD = torch.empty_like(hidden_MD)
        grad_weight_VD, grad_bias_V = torch.zeros_like(weight_VD), torch.zeros_like(bias_V)
        uniform, token_sum_D = label_smoothing / len(weight_VD), weight_VD.sum(0)
        # The sum of all logits, which label smoothing needs, without computing a single one.
        logit_sum = (counted_hidden_MD @ token_sum_D).sum() + num_rows * bias_V.sum()
        total = -uniform * logit_sum
        on_cpu = hidden_MD.device.type == "cpu"
        chunk_rows, block_rows = rows_at_once(hidden_MD.device, len(weight_VD))
        for first in range(0, len(hidden_MD), chunk_rows):
            rows = slice(first, first + chunk_rows)
            target_R, count_R1 = target_M[rows], None if count_M1 is None else count_M1[rows]
            short_hidden_RD = padded(hidden_MD[rows], dtype)
            if on_cpu:
                logits_RV = short_hidden_RD @ short_weight_VD.T
            else:
                logits_RV = torch.addmm(bias_V.to(dtype), short_hidden_RD, short_weight_VD.T)
            for start in range(0, len(target_R), block_rows):
                block = slice(start, min(start + block_rows, len(target_R)))
                count = None if count_R1 is None else count_R1[block]
                if on_cpu:
                    loss, grad_bias = differentiate(logits_RV[block], bias_V, target_R[block], count, label_smoothing)
                else:
                    loss, grad_bias = differentiate_short(logits_RV[block], target_R[block], count, label_smoothing)
                total += loss
                grad_bias_V += grad_bias
            grad_logits_RV = logits_RV  # overwritten in place; logits of padded rows are zero and stay so
            # Rows that do not count are left out of the small operands, which spares a pass over the logits.
            grad_hidden_MD[rows] = _counted((grad_logits_RV @ short_weight_VD)[: len(target_R)], count_R1)
            if count_R1 is not None:
                short_hidden_RD = padded(counted_hidden_MD[rows], dtype)
            grad_weight_VD += grad_logits_RV.T @ short_hidden_RD
        # The term of the gradient that is the same for every token.
        grad_hidden_MD -= uniform * (token_sum_D if count_M1 is None else count_M1 * token_sum_D)
        grad_weight_VD -= uniform * counted_hidden_MD.sum(0)
        grad_bias_V -= uniform * num_rows
        ctx.save_for_backward(grad_hidden_MD, grad_weight_VD, grad_bias_V)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *(saved.mul_(grad) for saved in ctx.saved_tensors), None, None, None, None


def rows_at_once(device: torch.device, num_logits: int) -> tuple[int, int]:
    """Return how many rows with this number of logits each a chunk and a block have."""
    on_cpu = device.type == "cpu"
    chunk_rows = rounded_up(max(1, (CHUNK_ELEMENTS if on_cpu else _GPU_ELEMENTS) // num_logits))
    return chunk_rows, max(1, (BLOCK_ELEMENTS if on_cpu else _GPU_ELEMENTS) // num_logits)


def _counted(x_RX: Tensor, count_R1: Tensor | None) -> Tensor:
    """Zero the rows that do not count."""
    return x_RX if count_R1 is None else x_RX * count_R1


def differentiate(
    logits_RV: Tensor, bias_V: Tensor, target_R: Tensor, count_R1: Tensor | None, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """Return the summed loss of logits W h, still without the bias, and its gradient over the bias.

    The logits are overwritten by their gradient, in all rows, whether they count or not. The term of the loss that is
    the same for every token is left out.
        loss = logsumexp(logits) - (1 - smoothing) logit[target],   gradient = softmax - (1 - smoothing) onehot
    """
    index_R1 = target_R.unsqueeze(1)
    full_RV = logits_RV.to(bias_V.dtype).add_(bias_V)
    target_logit = _counted(full_RV.gather(1, index_R1), count_R1).sum()
    log_prob_RV = full_RV.log_softmax(1)
    # -log p[target] = logsumexp - logit[target]; adding smoothing * logit[target] gives the loss above.
    loss = label_smoothing * target_logit - _counted(log_prob_RV.gather(1, index_R1), count_R1).sum()
    grad_RV = torch.exp(log_prob_RV, out=full_RV)  # the softmax, in the memory of the logits
    grad_RV.scatter_add_(1, index_R1, grad_RV.new_full(index_R1.shape, label_smoothing - 1.0))
    logits_RV.copy_(grad_RV)
    return loss, grad_RV.sum(0) if count_R1 is None else count_R1.squeeze(1) @ grad_RV


def differentiate_short(
    logits_RV: Tensor, target_R: Tensor, count_R1: Tensor | None, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """Do the same for a GPU, which is limited by memory traffic: the logits hold the bias and stay in their short type.

    Only the logarithms of the probabilities are ever written in float32.
    """
    index_R1 = target_R.unsqueeze(1)
    target_logit = _counted(logits_RV.gather(1, index_R1).float(), count_R1).sum()
    log_prob_RV = logits_RV.log_softmax(1, dtype=torch.float32)
    loss = label_smoothing * target_logit - _counted(log_prob_RV.gather(1, index_R1), count_R1).sum()
    grad_RV = torch.exp(log_prob_RV, out=logits_RV)
    grad_RV.scatter_add_(1, index_R1, grad_RV.new_full(index_R1.shape, label_smoothing - 1.0))
    if count_R1 is None:
        return loss, column_sums(grad_RV, torch.float32)
    return loss, (count_R1.T.to(grad_RV.dtype) @ grad_RV).squeeze(0).float()
