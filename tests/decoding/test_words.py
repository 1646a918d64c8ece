import math

import pytest
import torch

from translator.decoding import SEARCHES
from translator.decoding.settings import DecodingSettings
from translator.decoding.words import allowed_, log_totals
from translator.errors import NumericalError
from translator.text.tokenizer import EOS


def test_marks_are_forbidden_and_the_end_until_the_least_length():
    forbidden = [allowed_(torch.zeros(1, 1, 6), length, 2)[0, 0].isinf().tolist() for length in (1, 2)]
    assert forbidden == [[True] * 4 + [False] * 2, [True] * 3 + [False] * 3]


def test_totals_make_logits_log_probs():
    logits_BNV = torch.randn(2, 3, 6)
    assert torch.allclose(logits_BNV - log_totals(logits_BNV).unsqueeze(2), logits_BNV.log_softmax(-1), atol=1e-6)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_without_finite_numbers_is_refused(toy, source, search, value):
    toy.bias_V[EOS] = value
    with pytest.raises(NumericalError, match="decoding: the model's scores are not finite"):
        SEARCHES[search](toy, source.ids, source.mask, DecodingSettings(search=search))
