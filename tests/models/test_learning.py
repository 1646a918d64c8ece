"""Every architecture learns to copy and to reverse; without attention only short sentences."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from translator.models import MODELS
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.text.tokenizer import BOS, EOS, PAD

NUM_WORDS = 8
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "recurrent": {"model": {"embedding_dim": 32}, "encoder": {"hidden_dim": 32}, "decoder": {"hidden_dim": 64}},
    "transformer": {
        "model": {"dim": 32, "feed_forward_dim": 64, "dropout": 0.0},
        "encoder": {"num_layers": 2},
        "decoder": {"num_layers": 2},
    },
}
NO_DROPOUT = {"embedding_dropout": 0.0, "readout_dropout": 0.0}
NO_ATTENTION = {"cross_attention": {"mechanism": "none"}, "initial_state": "both"}


def build(name: str, decoder: Mapping[str, Any] = {}) -> AnyModel:
    architecture, sizes = MODELS[name], SIZES.get(name, {})
    tables = {table: dict(sizes.get(table, {})) for table in ("model", "encoder", "decoder")}
    if name == "recurrent":
        tables["model"] |= NO_DROPOUT
    tables["decoder"] |= decoder
    settings = [getattr(architecture, table)(**tables[table]) for table in ("model", "encoder", "decoder")]
    size = 4 + NUM_WORDS
    return architecture.build(*settings, vocabularies=Vocabularies(size, size, True), ops=Ops())


def sentences(length: int, *, reverse: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return (source_BS, target_BT), both ending in EOS."""
    words_BS = torch.randint(4, 4 + NUM_WORDS, (64, length), generator=generator)
    end_B1 = torch.full((64, 1), EOS)
    return torch.cat([words_BS, end_B1], 1), torch.cat([words_BS.flip(1) if reverse else words_BS, end_B1], 1)


def train_accuracy(model: AnyModel, length: int, *, reverse: bool, steps: int) -> float:
    """Train for at most this many steps; return the share of correct tokens, each given the correct ones before it."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    accuracy = 0.0
    for _ in range(steps):
        source_BS, target_BT = sentences(length, reverse=reverse, generator=generator)
        previous_BT = torch.cat([torch.full((64, 1), BOS), target_BT[:, :-1]], 1)
        hidden_BTD = model(source_BS, source_BS != PAD, previous_BT)
        logits_BTV = hidden_BTD @ model.output.weight.T + model.output.bias
        accuracy = (logits_BTV.argmax(2) == target_BT)[:, :-1].float().mean().item()
        if accuracy == 1.0:
            break
        optimizer.zero_grad()
        torch.autograd.backward(cross_entropy(logits_BTV.flatten(0, 1), target_BT.flatten()))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return accuracy


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True], ids=["copy", "reverse"])
@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_learns_to_copy_and_to_reverse(name: str, reverse: bool) -> None:
    torch.manual_seed(1)
    assert train_accuracy(build(name), 8, reverse=reverse, steps=700) > 0.98


@pytest.mark.slow
def test_twenty_words_need_attention_but_four_fit_into_one_vector() -> None:
    torch.manual_seed(1)
    assert train_accuracy(build("recurrent", NO_ATTENTION), 4, reverse=False, steps=700) > 0.98
    assert train_accuracy(build("recurrent", NO_ATTENTION), 20, reverse=False, steps=300) < 0.6
    assert train_accuracy(build("recurrent"), 20, reverse=False, steps=300) > 0.98
