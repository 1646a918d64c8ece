"""The two layers that every room above builds from; each holds what it owns and calls the `Ops` it was handed."""

import torch
from torch import Tensor, nn

from translator.ops.choice import Ops


class Linear(nn.Module):
    """y = x W^T + b, the weight drawn by Glorot and Bengio (2010), the bias zero."""

    def __init__(self, input_dim: int, output_dim: int, *, ops: Ops, bias: bool = True) -> None:
        super().__init__()
        self.ops = ops
        self.weight = nn.Parameter(torch.empty(output_dim, input_dim))
        self.bias = nn.Parameter(torch.zeros(output_dim)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map the last axis from input_dim to output_dim."""
        return self.ops.linear(x, self.weight, self.bias)


class Dropout(nn.Module):
    """Dropout in training, identity otherwise."""

    def __init__(self, probability: float, *, ops: Ops) -> None:
        super().__init__()
        self.ops, self.probability = ops, probability

    def forward(self, x: Tensor) -> Tensor:
        """Zero some elements of x and scale the others."""
        return self.ops.dropout(x, self.probability, self.training)
