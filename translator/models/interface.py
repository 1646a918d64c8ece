"""What search and training may know about a model; they never ask which architecture it is.

`recurrent.py` and `transformer.py` implement these methods, and so do the toy models of the tests.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from torch import Tensor, nn

from translator.attention.interface import Mechanism
from translator.ops.linear import compiled_linear


class Output(NamedTuple):
    """The parameters of the output layer, so that loss and search can apply it to chunks of rows."""

    weight: Tensor  # (V, D), possibly tied to an embedding
    bias: Tensor  # (V,)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return hidden W^T + b over the last axis."""
        return compiled_linear(hidden, self.weight, self.bias)


class State(Protocol):
    """Everything that a decoder carries from one token to the next, for B sentences with N hypotheses each."""

    def reorder(self, parent_BN: Tensor) -> Self:
        """Return the state in which hypothesis n of sentence b continues hypothesis parent_BN[b, n] of that sentence.

        The number of hypotheses may change. What belongs to a sentence is stored once and does not move.
        """
        ...

    def keep(self, sentence_B: Tensor) -> Self:
        """Return the state of the sentences at these indices, so that finished sentences can leave the batch."""
        ...


EncodedT = TypeVar("EncodedT")
StateT = TypeVar("StateT", bound=State)


class Model(nn.Module, ABC, Generic[EncodedT, StateT]):
    """An encoder-decoder. Token ids and masks come from `text/batches.py`; a mask is True at real tokens."""

    may_compile: ClassVar[bool] = True
    """False if `forward` loops over tokens, since a compiler would unroll the loop for every length."""

    num_slots: int = 0
    """Tokens of both vocabularies that stand for protected strings, with the ids after EOS; see `text/protected.py`."""

    waits_for: ClassVar[str] = ""
    """What `forward` reads back from the device, so that an update cannot be captured; empty if nothing."""

    @abstractmethod
    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> EncodedT:
        """Read the source and return what the decoder needs, one row per sentence."""

    @abstractmethod
    def start(self, encoded: EncodedT, num_hypotheses: int) -> StateT:
        """Return the state before the first token, the same for every hypothesis of a sentence."""

    @abstractmethod
    def advance(self, previous_BN: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """Feed the last token of every hypothesis, at first the begin token; return (hidden_BND, the next state).

        The search applies the output layer, as the objective does in training. Consumes the state: its caches may be
        overwritten, so the old state must not be read again.
        """

    @abstractmethod
    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        """Return hidden_BTD of all target positions at once; row t depends on previous_BT[:, : t + 1] only."""

    @property
    @abstractmethod
    def output(self) -> Output:
        """The output layer, applied by the training objective and by the searches."""

    @property
    def obstacle_to_capture(self) -> str:
        """What the model or one of its attention mechanisms waits for during an update; empty if nothing."""
        reasons = [module.waits_for for module in self.modules() if isinstance(module, Mechanism)]
        return next(filter(None, [self.waits_for, *reasons]), "")

    @property
    def max_source_length(self) -> int | None:
        """Maximum source length in tokens, including the end token; None if unlimited."""
        lengths = [module.max_length for module in self.modules() if isinstance(module, Mechanism)]
        return min((length for length in lengths if length is not None), default=None)

    @property
    def max_target_length(self) -> int | None:
        """Maximum target length in tokens, without the end token; None if unlimited."""
        return None

    @abstractmethod
    def attention_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Return the attention weights of a forward pass, from 'place.layer' to weight_BHTS.

        Row t belongs to the step that predicts target token t.
        """

    def begin_update(self, step: int) -> None:
        """Prepare every attention mechanism for an optimizer step."""
        for module in self.modules():
            if isinstance(module, Mechanism):
                module.begin_update(step)


AnyModel: TypeAlias = Model[Any, Any]
