"""Recurrent cells: the library's GRU and LSTM, which can also advance one position at a time.

To add a cell, write one class here and add one line to CELLS.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from translator.ops.choice import Ops

Hidden: TypeAlias = tuple[Tensor, ...]
"""The state of a cell, batch first: (hidden_BD,) of a GRU, (hidden_BD, cell_BD) of an LSTM."""


class Cell(nn.Module, ABC):
    """One layer of a recurrence of the library, batch first, with a tuple as its state.

    `run` is the library's loop over all positions. `advance` computes one position from the same parameters, for a decoder
    that feeds something back; the part of its gates that does not depend on the state (`input_gates`) can be computed for
    all positions at once.
    """

    layer_class: ClassVar[type[nn.GRU] | type[nn.LSTM]]
    num_tensors: ClassVar[int]
    """How many tensors its state consists of."""

    def __init__(self, input_dim: int, feedback_dim: int, hidden_dim: int, *, ops: Ops) -> None:
        super().__init__()
        self.recurrence = self.layer_class(input_dim + feedback_dim, hidden_dim, batch_first=True)
        self.input_dim, self.hidden_dim, self.ops = input_dim, hidden_dim, ops

    def run(self, input_BTD: Tensor, hidden: Hidden) -> Tensor:
        """Return state_BTD after each of T inputs, when nothing is fed back."""
        # The library wants a leading layer axis, and a bare tensor if the state is a single one.
        initial = tuple(tensor.unsqueeze(0).contiguous() for tensor in hidden)
        state_BTD, _ = self.recurrence(input_BTD, initial if len(initial) > 1 else initial[0])
        return state_BTD  # type: ignore[no-any-return]

    def input_gates(self, input_BTD: Tensor) -> Tensor:
        """Return gate_BTG, the part of all gates that depends on the input, before their activation."""
        weight_GD = self.recurrence.get_parameter("weight_ih_l0")[:, : self.input_dim]
        return self.ops.linear(input_BTD, weight_GD, self.recurrence.get_parameter("bias_ih_l0"))

    def advance(self, gate_RG: Tensor, feedback_RC: Tensor, hidden: Hidden) -> Hidden:
        """Return the state after one position, from its `input_gates` and what is fed back beside the input."""
        parameter = self.recurrence.get_parameter
        if feedback_RC.shape[1]:
            gate_RG = gate_RG + self.ops.linear(feedback_RC, parameter("weight_ih_l0")[:, self.input_dim :])
        recurrent_RG = self.ops.linear(hidden[0], parameter("weight_hh_l0"), parameter("bias_hh_l0"))
        return self.combine(gate_RG, recurrent_RG, hidden)

    @staticmethod
    @abstractmethod
    def combine(gate_RG: Tensor, recurrent_RG: Tensor, hidden: Hidden) -> Hidden:
        """Return the next state, from the parts of the gates that depend on the input and on the state."""


class GRUCell(Cell):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate applied after the hidden product as in `nn.GRU`."""

    layer_class = nn.GRU
    num_tensors = 1

    @staticmethod
    def combine(gate_RG: Tensor, recurrent_RG: Tensor, hidden: Hidden) -> Hidden:
        dim = hidden[0].shape[1]  # the gates are [reset, update, new], each of this width
        reset_RD, update_RD = torch.sigmoid(gate_RG[:, : 2 * dim] + recurrent_RG[:, : 2 * dim]).chunk(2, 1)
        new_RD = torch.tanh(torch.addcmul(gate_RG[:, 2 * dim :], reset_RD, recurrent_RG[:, 2 * dim :]))
        return (torch.lerp(new_RD, hidden[0], update_RD),)


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as `nn.LSTM`."""

    layer_class = nn.LSTM
    num_tensors = 2

    @staticmethod
    def combine(gate_RG: Tensor, recurrent_RG: Tensor, hidden: Hidden) -> Hidden:
        input_RD, forget_RD, new_RD, output_RD = (gate_RG + recurrent_RG).chunk(4, 1)
        cell_RD = torch.sigmoid(forget_RD) * hidden[1] + torch.sigmoid(input_RD) * torch.tanh(new_RD)
        return torch.sigmoid(output_RD) * torch.tanh(cell_RD), cell_RD


CELLS: dict[str, type[Cell]] = {"gru": GRUCell, "lstm": LSTMCell}
