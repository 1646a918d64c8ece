"""The attention weights of a forced pass over a hypothesis equal those of the search that produced it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.test_laws import SOURCE_BS, VARIANTS, label
from tests.tiny import tiny
from translator.attention.core import Attention
from translator.decoding.greedy import greedy
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, PAD


def recording(attention: Attention, weights: list[Tensor]) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """Return the attention's `forward` with weights always computed and appended to `weights`."""
    forward = attention.forward

    def record(query_BTD: Tensor, memory: Any, *, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        context_BTD, weight_BHTS = forward(query_BTD, memory, need_weights=True)
        if weight_BHTS is not None:
            weights.append(weight_BHTS)
        return context_BTD, weight_BHTS

    return record


def cross_attentions(model: AnyModel) -> list[Attention]:
    """Return the cross-attention modules in the order of the layers."""
    modules = model.named_modules()
    return [part for name, part in modules if isinstance(part, Attention) and "self_attention" not in name]


@pytest.mark.parametrize("variant", VARIANTS, ids=label)
@pytest.mark.parametrize("row", range(len(SOURCE_BS)))
def test_a_forced_pass_has_the_attention_weights_of_the_search(
    variant: tuple[str, dict[str, Any]], row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    model = tiny(*variant).eval()
    source_BS = SOURCE_BS[row : row + 1]
    mask_BS = source_BS != PAD
    searched: list[list[Tensor]] = []
    for attention in cross_attentions(model):
        searched.append([])
        monkeypatch.setattr(attention, "forward", recording(attention, searched[-1]))
    ((hypothesis,),) = greedy(model, source_BS, mask_BS, DecodingSettings(search="greedy", max_length=5, min_length=2))
    monkeypatch.undo()
    previous_BT = torch.tensor([[BOS, *hypothesis.ids]])
    with torch.inference_mode():
        weights = model.attention_weights(source_BS, mask_BS, previous_BT)
    forced = [weight_BHTS for name, weight_BHTS in weights.items() if name.startswith("cross.")]
    assert len(forced) == sum(bool(steps) for steps in searched)
    for weight_BHTS, steps in zip(forced, searched, strict=False):
        torch.testing.assert_close(torch.cat(steps, 2), weight_BHTS[:, :, : len(steps)])
        assert len(steps) >= len(hypothesis.ids)
