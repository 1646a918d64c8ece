"""What a score, a mechanism and its memory promise; `core.Attention` and the models know nothing more of them."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from pydantic import Field
from torch import Tensor, nn

from translator.ops.choice import Ops
from translator.settings import Probability, Settings

Place: TypeAlias = Literal["encoder", "decoder", "cross"]
Projection: TypeAlias = Literal["both", "key", "none"]


class AttentionSettings(Settings):
    """What every mechanism with heads can be told; a mechanism adds fields of its own."""

    mechanism: str
    score: str = Field("scaled_dot", description="how a query is compared with a key: a name in SCORES")
    num_heads: int = Field(1, ge=1, description="how many comparisons run side by side, each on its share of the width")
    dim: int | None = Field(
        None, ge=1, description="width of projected queries and keys, all heads; default: the query's"
    )
    projection: Projection | Literal["score"] = Field(
        "score", description="what is projected before it is compared; 'score' means as the score's paper does"
    )
    dropout: Probability = Field(0.0, description="share of attention weights dropped in training")


class Score(nn.Module, ABC):
    """Compares every query with every key; owns only its own parameters, never the projections."""

    projection: ClassVar[Projection]
    """What its paper projects first: queries and keys, keys alone, or nothing."""
    needs_equal_widths: ClassVar[bool] = True

    def __init__(self, num_heads: int, query_dim: int, key_dim: int) -> None:
        """Widths are those of one head."""
        super().__init__()

    @property
    def dot_scale(self) -> float | None:
        """The factor on query . key where the score is just that, so that a fused kernel may compute it; else None."""
        return None

    @abstractmethod
    def forward(self, query_BHTK: Tensor, key_BHSK: Tensor) -> Tensor:
        """score_BHTS, before any mask."""


class Memory(Protocol):
    """What a mechanism keeps of the keys and values it was given, one row a sentence or hypothesis."""

    def select(self, row_B: Tensor) -> Self:
        """The memory of these rows, in this order; a row may be named twice."""
        ...


MemoryT = TypeVar("MemoryT", bound=Memory)


class MechanismOptions(NamedTuple):
    """What a mechanism is built with, beside its own settings."""

    score: Score
    causal: bool
    ops: Ops


class Mechanism(nn.Module, ABC, Generic[MemoryT]):
    """How scores become contexts. Heads and projections are done before and after it, by `core.Attention`."""

    serves: ClassVar[frozenset[Place]]
    """The places where it can stand."""
    settings: ClassVar[type[AttentionSettings]]
    """The table that configures it."""
    has_context: ClassVar[bool] = True
    """False where every context has width zero, so that no score and no projection is needed."""
    has_weights: ClassVar[bool] = True
    """False where there are no weights over positions to be shown."""
    needs_dot: ClassVar[bool] = False
    """True where the score must be a dot product, perhaps scaled, of what was projected."""
    why_not: ClassVar[str] = "it was not made for this place"
    """Why it serves no other places than it does."""
    longest: int | None = None
    """The longest sequence it can take in, in pieces; None where nothing limits it."""

    def __init__(self, settings: Any, options: MechanismOptions) -> None:
        """`settings` is an instance of the class's own `settings`."""
        super().__init__()

    def begin_update(self, step: int) -> None:
        """Called before each optimizer step; random features are redrawn here."""

    @abstractmethod
    def remember(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> MemoryT:
        """Take in all keys and values at once; mask_BS is True at real tokens, None where all are."""

    def extend(self, memory: MemoryT, key_BHSK: Tensor, value_BHSK: Tensor) -> MemoryT:
        """Add positions at the end while decoding; consumes the memory. Only those that serve a decoder have it."""
        raise NotImplementedError

    @abstractmethod
    def attend(self, query_BHTK: Tensor, memory: MemoryT, *, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """(context_BHTK, weight_BHTS if wanted). Where both are one sequence, the last query is its last position."""
