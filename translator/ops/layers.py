"""Linear layer and dropout as modules; they call the `Ops` that they were built with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from translator.ops.choice import Ops


class Linear(nn.Module):
    """y = x W^T + b, the weight drawn by Glorot and Bengio (2010), the bias zero; see `Ops.linear` for `stays_short`."""

    def __init__(
        self, input_dim: int, output_dim: int, *, ops: Ops, bias: bool = True, stays_short: bool = False
    ) -> None:
        super().__init__()
        self.ops, self.stays_short = ops, stays_short
        self.weight = nn.Parameter(torch.empty(output_dim, input_dim))
        self.bias = nn.Parameter(torch.zeros(output_dim)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map the last axis from input_dim to output_dim."""
        return self.ops.linear(x, self.weight, self.bias, stays_short=self.stays_short)


def apply_together(layers: Sequence[nn.Module], x: Tensor) -> list[Tensor]:
    """Return layer(x) for each layer; if the `Ops` are fast, all linear layers are computed in one product."""
    maps = [layer for layer in layers if isinstance(layer, Linear)]
    if len(maps) < 2 or not maps[0].ops.fast:
        return [layer(x) for layer in layers]
    weight = torch.cat([one.weight for one in maps])
    bias = torch.cat([one.weight.new_zeros(len(one.weight)) if one.bias is None else one.bias for one in maps])
    product = maps[0].ops.linear(x, weight, bias, stays_short=all(layer.stays_short for layer in maps))
    mapped = iter(torch.split(product, [len(one.weight) for one in maps], -1))
    return [next(mapped) if isinstance(layer, Linear) else layer(x) for layer in layers]


class Dropout(nn.Module):
    """Dropout in training, the identity otherwise."""

    def __init__(self, probability: float, *, ops: Ops) -> None:
        super().__init__()
        self.ops, self.probability = ops, probability

    def forward(self, x: Tensor) -> Tensor:
        """Zero some elements of x and scale the others."""
        return self.ops.dropout(x, self.probability, self.training)
