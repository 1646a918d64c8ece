"""No attention: the decoder gets the source as one fixed vector (Sutskever et al. 2014; Cho et al. 2014).

A recurrent decoder with this mechanism starts from the encoder's last state and receives nothing else from the source, as
in Sutskever et al.; that of Cho et al. reads the vector at every step, too.
"""

from typing import Literal, NamedTuple, Self

from torch import Tensor

from translator.attention.interface import AttentionSettings, Mechanism


class NoneSettings(AttentionSettings):
    """No settings of its own; score and heads are accepted and ignored, so that only `mechanism` has to change."""

    mechanism: Literal["none"] = "none"


class NoMemory(NamedTuple):
    """An empty memory."""

    def select(self, row_B: Tensor) -> Self:
        return self


class NoAttention(Mechanism[NoMemory]):
    """Contexts of width zero, which change nothing where they are concatenated."""

    settings = NoneSettings
    places = frozenset({"cross"})
    has_context = False
    has_weights = False

    def make_memory(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> NoMemory:
        return NoMemory()

    def attend(self, query_BHTK: Tensor, memory: NoMemory, *, need_weights: bool) -> tuple[Tensor, None]:
        return query_BHTK[..., :0], None
