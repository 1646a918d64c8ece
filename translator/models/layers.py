"""Parts that both architectures use: embeddings with their tying, and the output layer."""

from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from translator.errors import UsageError
from translator.models.interface import Output

Tying: TypeAlias = Literal["all", "output", "none"]


class Vocabularies(NamedTuple):
    """How many pieces each side has, and whether they are the same pieces."""

    source_size: int
    target_size: int
    is_joint: bool


class Embeddings(nn.Module):
    """Source and target embeddings and the output layer, tied as asked (Press and Wolf 2017; Vaswani et al. 2017).

    'output' lets the output layer share the target embedding, 'all' the source embedding too, which needs a joint
    vocabulary. `scale` multiplies what is looked up, so that a tied matrix may stay small for the output layer.
    """

    def __init__(self, vocabularies: Vocabularies, dim: int, *, tying: Tying, scale: float = 1.0) -> None:
        super().__init__()
        if tying == "all" and not vocabularies.is_joint:
            raise UsageError(
                "model.tied_embeddings",
                "'all' needs one vocabulary for both sides",
                "set tokenizer.joint=true or model.tied_embeddings=output",
            )
        self.scale = scale
        self.target_VD = nn.Parameter(torch.randn(vocabularies.target_size, dim) * dim**-0.5)
        self.source_VD = self.target_VD
        if tying != "all":
            self.source_VD = nn.Parameter(torch.randn(vocabularies.source_size, dim) * dim**-0.5)
        self.weight_VD = self.target_VD
        if tying == "none":
            self.weight_VD = nn.Parameter(torch.randn(vocabularies.target_size, dim) * dim**-0.5)
        self.bias_V = nn.Parameter(torch.zeros(vocabularies.target_size))

    def source(self, ids_BS: Tensor) -> Tensor:
        """embedded_BSD."""
        return functional.embedding(ids_BS, self.source_VD) * self.scale

    def target(self, ids_BT: Tensor) -> Tensor:
        """embedded_BTD."""
        return functional.embedding(ids_BT, self.target_VD) * self.scale

    @property
    def output(self) -> Output:
        """The output layer's weight and bias."""
        return Output(self.weight_VD, self.bias_V)
