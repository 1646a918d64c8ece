"""Additive score: a one-layer perceptron compares query and key (Bahdanau et al. 2015, section A.1.2)."""

import torch
from torch import Tensor, nn

from translator.attention.interface import Score


class Additive(Score):
    """score(q, k) = v . tanh(W q + U k).

    W and U are the query and key projections of `core.Attention`, so U k is computed once per sentence. Each head has
    its own v. If v is zero, all attention weights are equal.
    """

    projection = "both"

    def __init__(self, num_heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(num_heads, query_dim, key_dim)
        self.v_HK = nn.Parameter(torch.empty(num_heads, key_dim))
        nn.init.uniform_(self.v_HK, -(key_dim**-0.5), key_dim**-0.5)

    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        # T x S x K numbers, which is why an additive score costs more memory than a dot product.
        hidden_BHTSK = torch.tanh(query_BHTK.unsqueeze(3) + key_BHSK.unsqueeze(2))
        return torch.einsum("BHTSK,HK->BHTS", hidden_BHTSK, self.v_HK)
