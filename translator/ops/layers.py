"""Linear layer and dropout as modules, which call the `Ops` that they were built with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from translator.ops.choice import Ops


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
