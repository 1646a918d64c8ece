import math

import pytest
import torch

from tests.decoding.toy import Source, Toy
from translator.decoding import SEARCHES, next_tokens
from translator.decoding.next_tokens import best_tokens, fast_topk
from translator.decoding.rules import NextTokenRules
from translator.decoding.settings import DecodingSettings
from translator.errors import NumericalError
from translator.models.interface import Output
from translator.text.tokenizer import EOS


@pytest.mark.parametrize("size", [1.0, 100.0])
@pytest.mark.parametrize("elements", [1, 20, 10**6])
def test_the_best_tokens_of_chunks_are_those_of_the_whole_softmax(
    monkeypatch: pytest.MonkeyPatch, toy: Toy, source: Source, elements: int, size: float
) -> None:
    monkeypatch.setattr(next_tokens, "CHUNK_ELEMENTS", elements)
    output, hidden_RD = Output(torch.randn(9, 4) * size, torch.randn(9)), torch.randn(7, 4)
    log_prob_RV = output.logits(hidden_RD).log_softmax(-1)
    log_prob_RV[:, [0, 1, 2]] = -math.inf
    expected = log_prob_RV.topk(4)
    rules = NextTokenRules(toy, source.ids, source.mask, DecodingSettings())
    log_prob_RC, token_RC = best_tokens(
        hidden_RD,
        output,
        num_tokens=4,
        rules=rules,
        tokens_RT=torch.zeros(7, 0),
        sentence_R=torch.zeros(7, dtype=torch.long),
    )
    assert torch.allclose(log_prob_RC, expected.values, atol=1e-4)
    assert torch.equal(token_RC, expected.indices)


@pytest.mark.parametrize(("size", "count"), [(5, 5), (16, 3), (203, 10), (203, 60), (1000, 1)])
def test_fast_topk_equals_topk(size: int, count: int) -> None:
    x_RV = torch.rand(6, size)
    value_RC, index_RC = fast_topk(x_RV, count)
    expected = x_RV.topk(count)
    assert torch.equal(value_RC, expected.values)
    assert torch.equal(index_RC, expected.indices)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_whose_logits_are_not_finite_is_refused(toy: Toy, source: Source, search: str, value: float) -> None:
    toy.bias_V[EOS] = value
    with pytest.raises(NumericalError, match="decoding: the model's scores are not finite"):
        SEARCHES[search](toy, source.ids, source.mask, DecodingSettings(search=search))
