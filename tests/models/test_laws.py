"""Laws of all architectures, with every score and mechanism in every place."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tiny import VOCAB_SIZE, tiny
from translator.attention import MECHANISMS, SCORES
from translator.models import MODELS
from translator.models.cells import CELLS
from translator.models.interface import AnyModel
from translator.models.layers import Embeddings
from translator.models.positions import POSITIONS
from translator.models.transformer_layers import ACTIVATIONS
from translator.text.tokenizer import BOS, EOS, PAD

RECURRENT: list[dict[str, Any]] = [
    {"query": query, "input_feeding": feeding, "cross_attention": {"score": score}}
    for query, feeding, score in product(("previous", "current", "conditional"), (True, False), SCORES)
] + [  # without attention, the forward half of the encoder gets a gradient only if the initial state uses both halves
    {"cross_attention": {"mechanism": "none"}, "input_feeding": feeding, "initial_state": "both"}
    for feeding in (True, False)
]
DEEP: list[dict[str, dict[str, Any]]] = [
    {
        "model": {"cell": cell, "residual": residual, "layer_norm": layer_norm, "word_dropout": 0.2},
        "encoder": {"num_layers": 3},
        "decoder": {"num_layers": 3, "query": query, "input_feeding": feeding},
    }
    for cell, query, (residual, layer_norm, feeding) in product(
        CELLS, ("previous", "current", "conditional"), ((False, False, True), (True, True, False), (True, True, True))
    )
]
READOUTS: list[dict[str, dict[str, Any]]] = [
    {"decoder": {"query": query, "readout": "tanh", "feeds": feeds}}
    for query, feeds in product(("previous", "current", "conditional"), ("context", "readout"))
]
VARIANTS: list[tuple[str, dict[str, dict[str, Any]]]] = [
    *(("recurrent", {"decoder": decoder}) for decoder in RECURRENT),
    *(("recurrent", tables) for tables in [*DEEP, *READOUTS]),
    *(("recurrent", {"model": {"cell": cell}}) for cell in CELLS),
    *(
        (
            "transformer",
            {
                "encoder": {"self_attention": {"score": score, "num_heads": heads}},
                "decoder": {
                    "self_attention": {"score": score, "num_heads": heads},
                    "cross_attention": {"score": score, "num_heads": heads},
                },
            },
        )
        for score, heads in product(SCORES, (1, 4))
    ),
    *(
        ("transformer", {place: {table: {"mechanism": mechanism}}})
        for mechanism, mechanism_class in MECHANISMS.items()
        for attention_place, place, table in (
            ("encoder", "encoder", "self_attention"),
            ("decoder", "decoder", "self_attention"),
            ("cross", "decoder", "cross_attention"),
        )
        if attention_place in mechanism_class.places and mechanism_class.has_context
    ),
    *(
        ("recurrent", {"decoder": {"cross_attention": {"mechanism": mechanism}}})
        for mechanism, mechanism_class in MECHANISMS.items()
        if "cross" in mechanism_class.places and mechanism_class.has_context
    ),
    *(("transformer", {"model": {"norm": norm}}) for norm in ("pre", "post")),
    *(("transformer", {"model": {"positions": positions}}) for positions in POSITIONS),
    *(("transformer", {"model": {"tied_embeddings": tying}}) for tying in ("all", "output", "none")),
    *(("transformer", {"model": {"activation": activation}}) for activation in ACTIVATIONS),
    *((name, {}) for name in MODELS),
]
SOURCE_BS = torch.tensor([[4, 5, 6, 4, EOS], [6, 5, EOS, PAD, PAD], [5, EOS, PAD, PAD, PAD]])
PREVIOUS_BT = torch.tensor([[BOS, 4, 5, 6], [BOS, 6, 6, 4], [BOS, 5, 4, 4]])


def label(variant: tuple[str, dict[str, Any]]) -> str:
    """Return a name for the variant, for the test ids."""
    return f"{variant[0]}-" + str(variant[1]).translate(str.maketrans("", "", "{}' "))


@pytest.fixture(params=VARIANTS, ids=label)
def model(request: pytest.FixtureRequest) -> AnyModel:
    torch.manual_seed(3)
    name, changes = request.param
    return tiny(name, changes).eval()


def logits(model: AnyModel, source_BS: Tensor, previous_BT: Tensor) -> Tensor:
    return model.output.logits(model(source_BS, source_BS != PAD, previous_BT))


def test_padding_changes_nothing(model: AnyModel) -> None:
    longer_BS = torch.cat([SOURCE_BS, torch.full((3, 3), PAD)], 1)
    torch.testing.assert_close(logits(model, longer_BS, PREVIOUS_BT), logits(model, SOURCE_BS, PREVIOUS_BT))


def test_a_batch_equals_its_rows(model: AnyModel) -> None:
    together_BTV = logits(model, SOURCE_BS, PREVIOUS_BT)
    for row, length in enumerate((5, 3, 2)):
        alone_BTV = logits(model, SOURCE_BS[row : row + 1, :length], PREVIOUS_BT[row : row + 1])
        torch.testing.assert_close(alone_BTV[0], together_BTV[row])


def test_the_future_has_no_gradient(model: AnyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[Tensor] = []
    embeddings: Any = model.embeddings
    embed = embeddings.target

    def record(ids_BT: Tensor) -> Tensor:
        recorded.append(embed(ids_BT).detach().requires_grad_())
        return recorded[-1]

    monkeypatch.setattr(embeddings, "target", record)
    hidden_BTD = model(SOURCE_BS, SOURCE_BS != PAD, PREVIOUS_BT)
    (gradient_BTD,) = torch.autograd.grad(hidden_BTD[:, 1].square().sum(), recorded[0])
    assert gradient_BTD[:, 2:].count_nonzero() == 0
    assert gradient_BTD[:, :2].abs().sum() > 0


def test_decoding_step_by_step_equals_the_full_pass(model: AnyModel) -> None:
    state = model.start(model.encode(SOURCE_BS, SOURCE_BS != PAD), 1)
    steps = []
    for previous_B in PREVIOUS_BT.T:
        hidden_B1D, state = model.advance(previous_B.unsqueeze(1), state)
        steps.append(model.output.logits(hidden_B1D))
    torch.testing.assert_close(torch.cat(steps, 1), logits(model, SOURCE_BS, PREVIOUS_BT))


def test_reordering_and_keeping_a_state_equals_doing_so_with_its_rows(model: AnyModel) -> None:
    parent_BN = torch.tensor([[1, 0], [0, 0], [1, 1]])
    words_BN = torch.tensor([[4, 5], [6, 4], [5, 6]])
    state = model.start(model.encode(SOURCE_BS, SOURCE_BS != PAD), 2)
    _, state = model.advance(torch.full((3, 2), BOS), state)
    _, state = model.advance(words_BN, state)
    kept = torch.tensor([0, 2])
    moved_BND, _ = model.advance(words_BN[kept], state.reorder(parent_BN).keep(kept))
    moved_BNV = model.output.logits(moved_BND)
    for row, sentence in enumerate(kept.tolist()):
        for n in range(2):
            first = words_BN[sentence, parent_BN[sentence, n]]
            previous_BT = torch.tensor([[BOS, int(first), int(words_BN[sentence, n])]])
            expected_BTV = logits(model, SOURCE_BS[sentence : sentence + 1], previous_BT)
            torch.testing.assert_close(moved_BNV[row, n], expected_BTV[0, -1])


def test_every_parameter_gets_a_gradient(model: AnyModel) -> None:
    torch.autograd.backward(logits(model.train(), SOURCE_BS, PREVIOUS_BT).square().sum())
    missing = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert missing == []


def test_attention_weights_are_distributions_over_real_tokens(model: AnyModel) -> None:
    for name, weight_BHTS in model.attention_weights(SOURCE_BS, SOURCE_BS != PAD, PREVIOUS_BT).items():
        torch.testing.assert_close(weight_BHTS.sum(-1), torch.ones(weight_BHTS.shape[:-1]))
        if not name.startswith("decoder."):
            assert not (weight_BHTS * (SOURCE_BS == PAD)[:, None, None]).any()


def test_the_output_layer_has_one_row_per_token(model: AnyModel) -> None:
    assert len(model.output.weight) == len(model.output.bias) == VOCAB_SIZE


@pytest.mark.parametrize("name", MODELS)
def test_word_dropout_hides_whole_tokens_in_training_only(name: str) -> None:
    embeddings = tiny(name, {"model": {"word_dropout": 0.5}}).embeddings
    assert isinstance(embeddings, Embeddings)
    ids = torch.randint(4, VOCAB_SIZE, (50, 4))
    for embed in (embeddings.source, embeddings.target):
        embeddings.train()
        embedded_BXD = embed(ids)
        is_zero_BX = (embedded_BXD == 0).all(-1)
        assert 0.3 < is_zero_BX.float().mean() < 0.7
        assert (embedded_BXD[~is_zero_BX] != 0).all()
        embeddings.eval()
        assert (embed(ids) != 0).all()
