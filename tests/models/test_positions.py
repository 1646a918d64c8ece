"""Position encodings have the properties stated in their papers."""

import pytest
import torch

from tests.tiny import tiny
from translator.errors import DataError
from translator.models.positions import LearnedPositions, sinusoids
from translator.text.tokenizer import EOS


def test_a_shift_is_a_rotation_that_depends_only_on_the_shift() -> None:
    dim, shift = 16, 5
    frequency_F = 10_000.0 ** (-torch.arange(0, dim, 2) / dim)
    cosine_F, sine_F = torch.cos(shift * frequency_F), torch.sin(shift * frequency_F)
    pair_TF2 = sinusoids(0, 40, dim).view(40, -1, 2)
    sine_TF, cosine_TF = pair_TF2.unbind(2)
    rotated_TF2 = torch.stack((sine_TF * cosine_F + cosine_TF * sine_F, cosine_TF * cosine_F - sine_TF * sine_F), 2)
    torch.testing.assert_close(rotated_TF2.flatten(1), sinusoids(shift, 40, dim), atol=1e-5, rtol=0)


def test_each_row_has_squared_norm_half_the_width() -> None:
    torch.testing.assert_close(sinusoids(3, 20, 32).square().sum(1), torch.full((20,), 16.0))


def test_the_first_position_is_as_in_the_paper() -> None:
    torch.testing.assert_close(sinusoids(0, 1, 4), torch.tensor([[0.0, 1.0, 0.0, 1.0]]))


def test_a_position_beyond_the_last_learned_one_is_an_error_with_both_numbers() -> None:
    positions = LearnedPositions(4, 8)
    positions(torch.zeros(1, 2, 8), first=2)
    with pytest.raises(DataError, match="found a sentence of 5 tokens, but there are only 4 learned positions"):
        positions(torch.zeros(1, 2, 8), first=3)


@pytest.mark.parametrize(("positions", "is_equivariant"), [("none", True), ("sinusoidal", False)])
def test_self_attention_is_equivariant_under_permutation_without_positions(
    positions: str, is_equivariant: bool
) -> None:
    torch.manual_seed(0)
    model = tiny("transformer", {"model": {"positions": positions}}).eval()
    source_BS = torch.tensor([[4, 5, 6, 5, 4, EOS]])
    order = torch.tensor([3, 0, 4, 1, 5, 2])
    mask_BS = torch.ones_like(source_BS, dtype=torch.bool)
    previous_BT = torch.tensor([[1, 4]])
    before_BTD, after_BTD = (model(ids_BS, mask_BS, previous_BT) for ids_BS in (source_BS, source_BS[:, order]))
    assert torch.allclose(before_BTD, after_BTD, atol=1e-5) == is_equivariant
