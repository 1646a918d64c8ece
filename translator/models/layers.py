"""Embeddings with weight tying, and the output layer, for both architectures."""

from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from translator.errors import UsageError
from translator.models.interface import Output

Tying: TypeAlias = Literal["all", "output", "none"]


class Vocabularies(NamedTuple):
    """The sizes of both vocabularies, and whether they are one and the same."""

    source_size: int
    target_size: int
    is_joint: bool


class Embeddings(nn.Module):
    """Source embedding, target embedding and output layer, with weight tying (Press and Wolf 2017; Vaswani et al. 2017).

    'output' shares one matrix between target embedding and output layer; 'all' also with the source embedding, which
    needs a joint vocabulary. Embedded tokens are multiplied by `scale`, so that a shared matrix can have the small
    values that suit the output layer.
    """

    def __init__(self, vocabularies: Vocabularies, dim: int, *, tying: Tying, scale: float = 1.0) -> None:
        super().__init__()
        if tying == "all" and not vocabularies.is_joint:
            raise UsageError(
                "model.tied_embeddings",
                "'all' needs one vocabulary for both languages",
                "set tokenizer.joint=true or model.tied_embeddings=output",
            )
        self.dim, self.scale = dim, scale
        self.target_VD = nn.Parameter(torch.randn(vocabularies.target_size, dim) * dim**-0.5)
        self.source_VD = self.target_VD
        if tying != "all":
            self.source_VD = nn.Parameter(torch.randn(vocabularies.source_size, dim) * dim**-0.5)
        self.weight_VD = self.target_VD
        if tying == "none":
            self.weight_VD = nn.Parameter(torch.randn(vocabularies.target_size, dim) * dim**-0.5)
        self.bias_V = nn.Parameter(torch.zeros(vocabularies.target_size))

    def source(self, ids_BS: Tensor) -> Tensor:
        """Return embedded_BSD."""
        return functional.embedding(ids_BS, self.source_VD) * self.scale

    def target(self, ids_BT: Tensor) -> Tensor:
        """Return embedded_BTD."""
        return functional.embedding(ids_BT, self.target_VD) * self.scale

    @property
    def output(self) -> Output:
        return Output(self.weight_VD, self.bias_V)
