"""No attention at all: the fixed-vector bottleneck (Sutskever et al. 2014; Cho et al. 2014).

A recurrent decoder with this mechanism starts from the encoder's last state and sees nothing else of the source.
"""

from typing import Literal, NamedTuple, Self

from torch import Tensor

from translator.attention.interface import AttentionSettings, Mechanism


class NoneSettings(AttentionSettings):
    """Nothing to set: a score or heads that the table names for another mechanism are not built."""

    mechanism: Literal["none"] = "none"


class NoMemory(NamedTuple):
    """Nothing is remembered."""

    def select(self, row_B: Tensor) -> Self:
        """Nothing has no rows."""
        return self


class NoAttention(Mechanism[NoMemory]):
    """Every context has width zero, so whatever is concatenated with it stays as it was."""

    settings = NoneSettings
    serves = frozenset({"cross"})
    has_context = False
    has_weights = False

    def remember(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> NoMemory:
        """Keep nothing."""
        return NoMemory()

    def attend(self, query_BHTK: Tensor, memory: NoMemory, *, want_weights: bool) -> tuple[Tensor, None]:
        """context_BHT0."""
        return query_BHTK[..., :0], None
