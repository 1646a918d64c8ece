"""Low-rank attention: keys and values are projected along the sequence (Linformer, Wang et al. 2020, section 4)."""

from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions
from translator.errors import DataError
from translator.ops.layers import Dropout


class LinformerSettings(AttentionSettings):
    """How many rows are left of a sequence, and how long it may be."""

    mechanism: Literal["linformer"] = "linformer"
    rank: int = Field(32, ge=1, description="rows that keys and values are projected to")
    max_length: int = Field(512, ge=1, description="longest sequence, in pieces; a longer one is an error")


class LinformerMemory(NamedTuple):
    """Keys and values after the projection along the sequence."""

    key: Tensor  # (B, H, rank, K)
    value: Tensor  # (B, H, rank, K)

    def select(self, row_B: Tensor) -> Self:
        """These rows, in this order."""
        return self._replace(key=self.key.index_select(0, row_B), value=self.value.index_select(0, row_B))


class Linformer(Mechanism[LinformerMemory]):
    """context = softmax(score(q, E k)) F v with E and F of shape rank x n, shared by the heads.

    Keys and values of padding are zero before they are projected, so padding changes nothing. Yet a row of E k that is
    made of zeros takes softmax weight all the same: with E = F = identity this is full attention only if rank = n =
    max_length and nothing is padding; with p padded positions its contexts are smaller than full attention's by the
    factor Z / (Z + p exp(score of a zero key)), Z being the sum over real positions. Row r of E k mixes all positions,
    so there are no weights over positions to be shown, and no causal form.
    """

    settings = LinformerSettings
    serves = frozenset({"encoder", "cross"})
    has_weights = False
    longest: int
    why_not = "its projection along the sequence mixes the future into every row"

    def __init__(self, settings: LinformerSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.score, self.dropout = options.score, Dropout(settings.dropout, ops=options.ops)
        self.longest = settings.max_length
        self.key_rows_RS = nn.Parameter(torch.randn(settings.rank, settings.max_length) * settings.rank**-0.5)
        self.value_rows_RS = nn.Parameter(torch.randn(settings.rank, settings.max_length) * settings.rank**-0.5)

    def remember(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> LinformerMemory:
        """Project once. Raises DataError for a sequence longer than `max_length`."""
        length = key_BHSK.shape[2]
        if length > self.longest:
            raise DataError(
                "attention linformer",
                f"a sentence of {length} pieces, but max_length is {self.longest}",
                "shorten it, or train with a larger max_length",
            )
        if mask_BS is not None:
            real = mask_BS[:, None, :, None]
            key_BHSK, value_BHSK = key_BHSK.masked_fill(~real, 0.0), value_BHSK.masked_fill(~real, 0.0)
        return LinformerMemory(self.key_rows_RS[:, :length] @ key_BHSK, self.value_rows_RS[:, :length] @ value_BHSK)

    def attend(
        self, query_BHTK: Tensor, memory: LinformerMemory, *, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Look at the rows that are left; there are no weights over positions."""
        weight_BHTR = self.score(query_BHTK, memory.key).softmax(-1)
        return self.dropout(weight_BHTR) @ memory.value, None
