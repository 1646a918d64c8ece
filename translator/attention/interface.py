"""The interfaces of scores, mechanisms and memories; `core.Attention` and the models rely on nothing else."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from pydantic import Field
from torch import Tensor, nn

from translator.ops.choice import Ops
from translator.ops.dropout import ROUNDING
from translator.settings import Probability, Settings

Place: TypeAlias = Literal["encoder", "decoder", "cross"]
Projection: TypeAlias = Literal["both", "key", "none"]


class AttentionSettings(Settings):
    """The settings of every mechanism; each mechanism adds its own."""

    mechanism: str
    score: str = Field("scaled_dot", description="how a query is compared with a key: a name in SCORES")
    num_heads: int = Field(1, ge=1, description="number of attention heads, each on an equal share of the width")
    dim: int | None = Field(
        None, ge=1, description="width of projected queries and keys, all heads together; default: the query's width"
    )
    projection: Projection | Literal["score"] = Field(
        "score", description="what is projected before the comparison; 'score' does as the paper of the score"
    )
    dropout: Probability = Field(0.0, description=f"dropout probability of the attention weights; {ROUNDING}")


class Score(nn.Module, ABC):
    """Compares every query with every key. A score owns its own parameters, never the projections."""

    projection: ClassVar[Projection]
    """What the paper of the score projects first: queries and keys, keys only, or nothing."""
    needs_equal_widths: ClassVar[bool] = True

    def __init__(self, num_heads: int, query_dim: int, key_dim: int) -> None:
        """Initialise the score; the widths are those of one head."""
        super().__init__()

    @property
    def dot_scale(self) -> float | None:
        """The factor on query . key if the score is a dot product, so that a fused kernel can compute it; else None."""
        return None

    @abstractmethod
    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        """Return score_BHTS, before any mask."""


class Memory(Protocol):
    """The keys and values that queries attend to, in the form that a mechanism needs, one row per batch entry."""

    def select(self, row_B: Tensor) -> Self:
        """Return the memory of these rows, in this order; a row may occur more than once."""
        ...


MemoryT = TypeVar("MemoryT", bound=Memory)


class MechanismOptions(NamedTuple):
    """Constructor arguments that all mechanisms share, besides their settings."""

    score: Score
    causal: bool
    ops: Ops


class Mechanism(nn.Module, ABC, Generic[MemoryT]):
    """Turns scores into contexts. `core.Attention` applies heads and projections before and after it."""

    places: ClassVar[frozenset[Place]]
    """Where in a model the mechanism can be used."""
    place_reason: ClassVar[str] = "it is not defined for this place"
    """Why it cannot be used elsewhere, for the error message."""
    settings: ClassVar[type[AttentionSettings]]
    has_context: ClassVar[bool] = True
    """False if contexts have width zero, so that no score and no projection is needed."""
    has_weights: ClassVar[bool] = True
    """False if there are no attention weights over positions."""
    needs_dot: ClassVar[bool] = False
    """True if the score must be a dot product, scaled or not."""
    waits_for: ClassVar[str] = ""
    """What the mechanism reads back from the device, so that an update cannot be captured; empty if nothing."""
    fuses: bool = False
    """True if `attend` in training is one kernel of the library, for which queries, keys and values may have a short type."""
    max_length: int | None = None
    """Maximum length of the sequence in tokens; None if unlimited."""

    def __init__(self, settings: Any, options: MechanismOptions) -> None:
        """Initialise the mechanism; `settings` is an instance of the class attribute `settings`."""
        super().__init__()

    def begin_update(self, step: int) -> None:
        """Prepare for an optimizer step; random features are redrawn here."""

    @abstractmethod
    def make_memory(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> MemoryT:
        """Return the memory of these keys and values; mask_BS is True at real tokens, None if there is no padding."""

    def extend_memory(self, memory: MemoryT, key_BHSK: Tensor, value_BHSK: Tensor) -> MemoryT:
        """Append positions while decoding; consumes the old memory. Only mechanisms for decoders implement it."""
        raise NotImplementedError

    @abstractmethod
    def attend(self, query_BHTK: Tensor, memory: MemoryT, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Return (context_BHTK, weight_BHTS if needed). In self-attention the last query is at the last position."""
