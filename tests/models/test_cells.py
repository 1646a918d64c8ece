"""Cells that compute one position at a time equal the library's recurrence."""

import pytest
import torch

from translator.models.cells import CELLS
from translator.ops.choice import Ops


@pytest.mark.parametrize("name", CELLS)
def test_advancing_position_by_position_equals_the_run_of_the_library(name: str) -> None:
    torch.manual_seed(0)
    cell = CELLS[name](5, 3, 4, ops=Ops())
    input_BTD, feedback_BTC = torch.randn(2, 6, 5), torch.randn(2, 6, 3)
    hidden = tuple(torch.randn(2, 4) for _ in range(cell.num_tensors))
    expected_BTD = cell.run(torch.cat((input_BTD, feedback_BTC), 2), hidden)
    for t, gate_BG in enumerate(torch.unbind(cell.input_gates(input_BTD), 1)):
        hidden = cell.advance(gate_BG, feedback_BTC[:, t], hidden)
        torch.testing.assert_close(hidden[0], expected_BTD[:, t])
