"""Concat score: a perceptron over the concatenation of query and key (Luong et al. 2015, section 3.1)."""

import torch
from torch import Tensor, nn

from translator.attention.interface import Score


class Concat(Score):
    """score(q, k) = v . tanh(W [q; k]), with W and v owned by the score and nothing projected before it.

    With W = [W_q W_k] this is the additive score with its projections inside; query and key may differ in width. The paper's
    experiments set the half of W for the key to the identity (section 5.3).
    """

    projection = "none"
    needs_equal_widths = False

    def __init__(self, num_heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(num_heads, query_dim, key_dim)
        self.weight_HKJ = nn.Parameter(torch.empty(num_heads, query_dim + key_dim, key_dim))
        self.v_HK = nn.Parameter(torch.empty(num_heads, key_dim))
        for head_KJ in self.weight_HKJ:
            nn.init.xavier_uniform_(head_KJ)
        nn.init.uniform_(self.v_HK, -(key_dim**-0.5), key_dim**-0.5)

    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        # W [q; k] = W_q q + W_k k, so the T x S concatenations are never stored.
        query_half_HKJ, key_half_HKJ = torch.split(self.weight_HKJ, [query_BHTK.shape[-1], key_BHSK.shape[-1]], dim=1)
        query_part_BHT1J = (query_BHTK @ query_half_HKJ).unsqueeze(3)
        key_part_BH1SJ = (key_BHSK @ key_half_HKJ).unsqueeze(2)
        return torch.einsum("BHTSJ,HJ->BHTS", torch.tanh(query_part_BHT1J + key_part_BH1SJ), self.v_HK)
