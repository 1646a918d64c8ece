"""An ensemble: several models with one tokenizer that translate as one, with the mean of their next-token probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from translator.models.interface import AnyModel, Model, Output


class MeanOutput(Output):
    """The output layers of all members. Weight and bias are those of the first; only `logits` knows the others."""

    outputs: Sequence[Output]

    @classmethod
    def of(cls, outputs: Sequence[Output]) -> Self:
        """Join the output layers; hidden states have the widths of all members, one after the other."""
        output = cls(*outputs[0])
        output.outputs = outputs
        return output

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logarithms of the mean of the members' probabilities."""
        widths = [output.weight.shape[1] for output in self.outputs]
        parts = zip(self.outputs, torch.split(hidden, widths, -1), strict=True)
        log_probs = [output.logits(part.contiguous()).log_softmax(-1) for output, part in parts]
        # Log of the mean of the probabilities, without leaving the logarithms.
        return torch.stack(log_probs).logsumexp(0) - math.log(len(log_probs))


@dataclass(frozen=True)
class EnsembleState:
    """The decoder states of all members."""

    states: tuple[Any, ...]

    def reorder(self, parent_BN: Tensor) -> Self:
        return type(self)(tuple(state.reorder(parent_BN) for state in self.states))

    def keep(self, sentence_B: Tensor) -> Self:
        return type(self)(tuple(state.keep(sentence_B) for state in self.states))


class Ensemble(Model[tuple[Any, ...], EnsembleState]):
    """Models of any architectures; their hidden states are concatenated for `MeanOutput`."""

    may_compile = False

    def __init__(self, members: Sequence[AnyModel]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        # A ModuleList forgets the type of its modules.
        self._members = tuple(members)
        self.num_slots = members[0].num_slots

    @property
    def output(self) -> Output:
        return MeanOutput.of([member.output for member in self._members])

    @property
    def max_source_length(self) -> int | None:
        return min((limit for member in self._members if (limit := member.max_source_length) is not None), default=None)

    @property
    def max_target_length(self) -> int | None:
        return min((limit for member in self._members if (limit := member.max_target_length) is not None), default=None)

    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> tuple[Any, ...]:
        return tuple(member.encode(source_BS, mask_BS) for member in self._members)

    def start(self, encoded: tuple[Any, ...], num_hypotheses: int) -> EnsembleState:
        pairs = zip(self._members, encoded, strict=True)
        return EnsembleState(tuple(member.start(one, num_hypotheses) for member, one in pairs))

    def advance(self, previous_BN: Tensor, state: EnsembleState) -> tuple[Tensor, EnsembleState]:
        pairs = zip(self._members, state.states, strict=True)
        hidden, states = zip(*(member.advance(previous_BN, one) for member, one in pairs), strict=True)
        return torch.cat(hidden, -1), EnsembleState(states)

    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        return torch.cat([member(source_BS, mask_BS, previous_BT) for member in self._members], -1)

    def attention_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Return the mean attention weights over the members, of the attentions that all of them have in the same shape."""
        first, *others = (member.attention_weights(source_BS, mask_BS, previous_BT) for member in self._members)
        common = {
            name: [first[name], *(weights[name] for weights in others)]
            for name in first
            if all(name in weights and weights[name].shape == first[name].shape for weights in others)
        }
        return {name: torch.stack(weights).mean(0) for name, weights in common.items()}
