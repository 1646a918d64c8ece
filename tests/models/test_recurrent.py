"""What is particular to the recurrent encoder-decoder: its layers, readouts and word dropout."""

from typing import Any

import pytest
import torch

from tests.tiny import tiny
from translator.errors import UsageError
from translator.models.recurrent import Recurrent
from translator.text.tokenizer import BOS, EOS

SOURCE_BS = torch.tensor([[4, 5, 6, EOS], [6, 5, 4, EOS]])
MASK_BS = torch.ones(2, 4, dtype=torch.bool)
PREVIOUS_BT = torch.tensor([[BOS, 4, 5], [BOS, 6, 4]])


def recurrent(**changes: dict[str, Any]) -> Recurrent:
    torch.manual_seed(0)
    model = tiny("recurrent", changes)
    assert isinstance(model, Recurrent)
    return model


def test_one_layer_has_the_parameters_of_earlier_versions() -> None:
    """Runs that were trained before there were more layers can still be loaded."""
    names = {name for name, _ in recurrent().named_parameters()}
    cell = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert {f"encoder.recurrence.{name}{half}" for name in cell for half in ("", "_reverse")} <= names
    assert {f"cell.recurrence.{name}" for name in cell} <= names
    assert {"bridge.weight", "readout_proj.weight", "embeddings.target_VD", "embeddings.source_VD"} <= names
    assert not [name for name in names if "upper" in name or "norm" in name]


def test_luong_predicts_from_tanh_of_context_and_state() -> None:
    model = recurrent(decoder={"query": "current", "readout": "tanh", "feeds": "readout"}).eval()
    state = model.start(model.encode(SOURCE_BS, MASK_BS), 1)
    hidden_B1E, state = model.advance(PREVIOUS_BT[:, :1], state)
    context_B1C, _ = model.attention(state.output_RD.unsqueeze(1), state.source_memories[0])
    expected = torch.tanh(model.readout_proj(torch.cat((context_B1C, state.output_RD.unsqueeze(1)), -1)))
    torch.testing.assert_close(hidden_B1E, expected)
    torch.testing.assert_close(state.feedback_RC, expected.squeeze(1))


def test_a_maxout_readout_cannot_be_fed_back() -> None:
    with pytest.raises(UsageError, match=r"decoder\.feeds: 'readout' needs readout 'tanh', found 'maxout'"):
        recurrent(decoder={"feeds": "readout"})


def test_residual_layers_that_return_zero_change_nothing() -> None:
    model = recurrent(
        model={"residual": True, "embedding_dropout": 0.0, "readout_dropout": 0.0}, encoder={"num_layers": 2}
    )
    for parameter in model.encoder.upper[0].parameters():
        torch.nn.init.zeros_(parameter)  # the new state is tanh(0), and the update gate mixes it with zeros
    embedded_BSD = torch.randn(2, 4, 12)
    deep, _ = model.encoder(embedded_BSD, MASK_BS)
    model.encoder.upper = torch.nn.ModuleList()
    assert torch.equal(deep, model.encoder(embedded_BSD, MASK_BS)[0])
