"""Low-rank attention: keys and values are projected along the sequence (Linformer, Wang et al. 2020, section 4)."""

from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions
from translator.errors import DataError
from translator.ops.layers import Dropout


class LinformerSettings(AttentionSettings):
    """The rank of the projection and the maximum length."""

    mechanism: Literal["linformer"] = "linformer"
    rank: int = Field(32, ge=1, description="number of rows that the keys and values of a sequence are projected to")
    max_length: int = Field(512, ge=1, description="maximum length in tokens; a longer sequence is an error")


class LinformerMemory(NamedTuple):
    """Keys and values after the projection along the sequence."""

    key: Tensor  # (B, H, rank, K)
    value: Tensor  # (B, H, rank, K)

    def select(self, row_B: Tensor) -> Self:
        return self._replace(key=self.key.index_select(0, row_B), value=self.value.index_select(0, row_B))


class Linformer(Mechanism[LinformerMemory]):
    """context = softmax(score(q, E k)) F v, with E and F of shape rank x length, shared by the heads ("headwise").

    Each row of E k mixes all positions, so there are no attention weights over positions and there is no causal form.

    Padding does not affect the result, but it is not free: with E = F = I, a padded position is a zero key, which takes
    the softmax weight exp(score(q, 0)) and adds a zero value. The context is then that of full attention times
    Z / (Z + p exp(score(q, 0))), for p padded positions and Z = sum of exp(score) over real ones. So the two are equal
    only if rank = length = max_length and nothing is padded.
    """

    settings = LinformerSettings
    places = frozenset({"encoder", "cross"})
    place_reason = "its projection along the sequence mixes the future into every row"
    has_weights = False
    max_length: int

    def __init__(self, settings: LinformerSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.score, self.dropout = options.score, Dropout(settings.dropout, ops=options.ops)
        self.max_length = settings.max_length
        self.key_rows_RS = nn.Parameter(torch.randn(settings.rank, settings.max_length) * settings.rank**-0.5)
        self.value_rows_RS = nn.Parameter(torch.randn(settings.rank, settings.max_length) * settings.rank**-0.5)

    def make_memory(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> LinformerMemory:
        """Project keys and values once. Raises DataError if the sequence is longer than `max_length`."""
        length = key_BHSK.shape[2]
        if length > self.max_length:
            problem = f"found a sentence of {length} tokens, expected at most max_length = {self.max_length}"
            raise DataError("linformer attention", problem, "shorten the sentence, or train with a larger max_length")
        if mask_BS is not None:
            # The projection mixes positions, so padding cannot be masked in the scores; it is zeroed before instead.
            real_B1S1 = mask_BS[:, None, :, None]
            key_BHSK, value_BHSK = key_BHSK.masked_fill(~real_B1S1, 0.0), value_BHSK.masked_fill(~real_B1S1, 0.0)
        return LinformerMemory(self.key_rows_RS[:, :length] @ key_BHSK, self.value_rows_RS[:, :length] @ value_BHSK)

    def attend(
        self, query_BHTK: Tensor, memory: LinformerMemory, *, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        weight_BHTR = self.score(query_BHTK, memory.key).softmax(-1)
        return self.dropout(weight_BHTR) @ memory.value, None
