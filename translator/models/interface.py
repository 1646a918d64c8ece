"""What search and training may know of a model; neither ever asks which architecture it has.

Not here: how anything is computed. `recurrent.py` and `transformer.py` fill these methods in, and so does a toy in a test.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from torch import Tensor, nn

from translator.attention.interface import Mechanism
from translator.ops.linear import compiled_linear


class Output(NamedTuple):
    """The output layer as numbers, so that loss and search may go over it in chunks of rows."""

    weight: Tensor  # (V, D), perhaps tied to an embedding
    bias: Tensor  # (V,)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits over the last axis: hidden W^T + b."""
        return compiled_linear(hidden, self.weight, self.bias)


class State(Protocol):
    """Everything a decoder carries from one word to the next for B sentences with N hypotheses each."""

    def reorder(self, parent_BN: Tensor) -> Self:
        """Let hypothesis n of sentence b continue what hypothesis parent_BN[b, n] of the same sentence began.

        The number of hypotheses may change with it. Only what hypotheses own moves; the sentence's memory stays once.
        """
        ...

    def keep(self, sentence_B: Tensor) -> Self:
        """Keep only the sentences at these indices: finished ones leave the batch."""
        ...


EncodedT = TypeVar("EncodedT")
StateT = TypeVar("StateT", bound=State)


class Model(nn.Module, ABC, Generic[EncodedT, StateT]):
    """An encoder-decoder. Ids and masks come from `text/batches.py`; a mask is True at real tokens."""

    may_compile: ClassVar[bool] = True
    """False where `forward` goes word by word, which a compiler would unroll anew for every length."""

    waits_for: ClassVar[str] = ""
    """What `forward` reads back from the device, so that an update cannot be captured; empty: nothing."""

    @abstractmethod
    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> EncodedT:
        """Read the source once; whatever the decoder needs of it, one row a sentence."""

    @abstractmethod
    def start(self, encoded: EncodedT, num_hypotheses: int) -> StateT:
        """The state before the first word, the same for each of a sentence's hypotheses."""

    @abstractmethod
    def advance(self, previous_BN: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """Feed the last word of every hypothesis (at first, the begin mark); returns (hidden_BND, the next state).

        The output layer is the search's, as it is the objective's in training. Consumes the state: its caches may be
        written in place, so the old value must not be read again.
        """

    @abstractmethod
    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        """All positions at once, for training: hidden_BTD, where row t has seen previous_BT[:, : t + 1]."""

    @property
    @abstractmethod
    def output(self) -> Output:
        """The output layer, which the training objective and the searches apply."""

    @property
    def obstacle_to_capture(self) -> str:
        """What the model or one of its attention mechanisms waits for during an update; empty: nothing."""
        reasons = [module.waits_for for module in self.modules() if isinstance(module, Mechanism)]
        return next(filter(None, [self.waits_for, *reasons]), "")

    @property
    def max_source_length(self) -> int | None:
        """Most pieces that it can read, the end mark among them; None where nothing limits it."""
        limits = [module.max_length for module in self.modules() if isinstance(module, Mechanism)]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def max_target_length(self) -> int | None:
        """Most pieces that it can write, the end mark apart; None where nothing limits it."""
        return None

    @abstractmethod
    def weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Attention weights of one forced pass, by place: weight_BHTS, where row t is the step that produces word t."""

    def begin_update(self, step: int) -> None:
        """Called before each optimizer step; passes it on to every attention mechanism."""
        for module in self.modules():
            if isinstance(module, Mechanism):
                module.begin_update(step)


AnyModel: TypeAlias = Model[Any, Any]
