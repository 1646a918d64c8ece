"""The weights of one forced pass over a finished hypothesis are those that the search saw, step by step."""

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


def watched(attention: Attention, seen: list[Tensor]) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """The attention's own forward, with the weights that nobody asked for."""
    forward = attention.forward

    def look(query_BTD: Tensor, memory: Any, *, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        context_BTD, weight_BHTS = forward(query_BTD, memory, need_weights=True)
        if weight_BHTS is not None:
            seen.append(weight_BHTS)
        return context_BTD, weight_BHTS

    return look


def cross_attentions(model: AnyModel) -> list[Attention]:
    """Those that look at the source, in the order of layers."""
    names = [
        name for name, part in model.named_modules() if isinstance(part, Attention) and "self_attention" not in name
    ]
    return [model.get_submodule(name) for name in names]  # type: ignore[misc]


@pytest.mark.parametrize("variant", VARIANTS, ids=label)
@pytest.mark.parametrize("row", range(len(SOURCE_BS)))
def test_a_forced_pass_sees_what_the_search_saw(
    variant: tuple[str, dict[str, Any]], row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    model = tiny(*variant).eval()
    source_BS = SOURCE_BS[row : row + 1]
    mask_BS, seen = source_BS != PAD, []
    for attention in cross_attentions(model):
        seen.append([])
        monkeypatch.setattr(attention, "forward", watched(attention, seen[-1]))
    ((found,),) = greedy(model, source_BS, mask_BS, DecodingSettings(search="greedy", max_length=5, min_length=2))
    monkeypatch.undo()
    previous_BT = torch.tensor([[BOS, *found.ids]])
    with torch.inference_mode():
        weights = model.weights(source_BS, mask_BS, previous_BT)
    forced = [weight_BHTS for name, weight_BHTS in weights.items() if name.startswith("cross.")]
    assert len(forced) == sum(bool(steps) for steps in seen)
    for weight_BHTS, steps in zip(forced, seen, strict=False):
        torch.testing.assert_close(torch.cat(steps, 2), weight_BHTS[:, :, : len(steps)])
        assert len(steps) >= len(found.ids)
