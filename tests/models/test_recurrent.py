"""A step of our cell is a step of the library's recurrence."""

import pytest
import torch

from translator.models.recurrent import RECURRENCES, Cell
from translator.ops.choice import Ops


@pytest.mark.parametrize("kind", RECURRENCES)
def test_steps_with_feeding_are_the_librarys_sweep(kind: str) -> None:
    torch.manual_seed(0)
    cell = Cell(kind, 5, 3, 4, ops=Ops())
    input_BTD, fed_BTC = torch.randn(2, 6, 5), torch.randn(2, 6, 3)
    hidden = tuple(torch.randn(2, 4) for _ in range(2 if kind == "lstm" else 1))
    expected_BTD = cell.sweep(torch.cat((input_BTD, fed_BTC), 2), hidden)
    for t, gate_BG in enumerate(cell.gates(input_BTD).unbind(1)):
        hidden = cell.step(gate_BG, fed_BTC[:, t], hidden)
        torch.testing.assert_close(hidden[0], expected_BTD[:, t])
