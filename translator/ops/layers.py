"""Linear layer, dropout and layer normalisation as modules; the first two call the `Ops` that they were built with."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from translator.ops.choice import Ops
from translator.ops.linear import column_sums


class Linear(nn.Module):
    """x W^T + b, with W initialised as by Glorot and Bengio (2010) and b = 0; see `Ops.linear` for `stays_short`."""

    def __init__(
        self, input_dim: int, output_dim: int, *, ops: Ops, bias: bool = True, stays_short: bool = False
    ) -> None:
        super().__init__()
        self.ops, self.stays_short = ops, stays_short
        self.weight = nn.Parameter(torch.empty(output_dim, input_dim))
        self.bias = nn.Parameter(torch.zeros(output_dim)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.ops.linear(x, self.weight, self.bias, stays_short=self.stays_short)


def apply_together(layers: Sequence[nn.Module], x: Tensor) -> list[Tensor]:
    """Return layer(x) for each layer; if the `Ops` are fast, all linear layers are computed in one product."""
    linears = [layer for layer in layers if isinstance(layer, Linear)]
    if len(linears) < 2 or not linears[0].ops.fast:
        return [layer(x) for layer in layers]
    sizes = [len(linear.weight) for linear in linears]
    weight = torch.cat([linear.weight for linear in linears])
    biases = [linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias for linear in linears]
    stays_short = all(linear.stays_short for linear in linears)
    product = linears[0].ops.linear(x, weight, torch.cat(biases), stays_short=stays_short)
    outputs = iter(torch.split(product, sizes, -1))
    return [next(outputs) if isinstance(layer, Linear) else layer(x) for layer in layers]


class Dropout(nn.Module):
    """Dropout in training, the identity otherwise."""

    def __init__(self, probability: float, *, ops: Ops) -> None:
        super().__init__()
        self.ops, self.probability = ops, probability

    def forward(self, x: Tensor) -> Tensor:
        return self.ops.dropout(x, self.probability, self.training)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation (Ba et al. 2016), with a backward pass that is fast for the narrow rows of a small model on a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda and torch.is_grad_enabled():
            return _LayerNorm.apply(x, self.weight, self.bias, self.eps)  # type: ignore[no-any-return, no-untyped-call]
        return super().forward(x)


class _LayerNorm(Function):
    """The library's forward pass and gradient of x; the gradients of weight and bias by sums over rows in two stages."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_D: Tensor, bias_D: Tensor, eps: float) -> Tensor:
        normed, mean, rstd = torch.native_layer_norm(x, weight_D.shape, weight_D, bias_D, eps)
        ctx.save_for_backward(x, mean, rstd, weight_D, bias_D)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, rstd, weight_D, bias_D = ctx.saved_tensors
        shape, only_x = weight_D.shape, [True, False, False]
        grad_x, _, _ = torch.ops.aten.native_layer_norm_backward(grad, x, shape, mean, rstd, weight_D, bias_D, only_x)
        grad_weight = (x - mean).mul_(rstd).mul_(grad)
        dim, dtype = len(weight_D), weight_D.dtype
        return grad_x, column_sums(grad_weight.view(-1, dim), dtype), column_sums(grad.reshape(-1, dim), dtype), None
