import math

import pytest
import torch

from translator.decoding import SEARCHES, words
from translator.decoding.settings import DecodingSettings
from translator.decoding.words import best_words, forbidden_words, largest
from translator.errors import NumericalError
from translator.models.interface import Output
from translator.text.tokenizer import EOS


def test_marks_are_forbidden_and_the_end_until_the_least_length():
    assert [sorted(forbidden_words(length, 2)) for length in (1, 2)] == [[0, 1, 2, 3], [0, 1, 2]]


@pytest.mark.parametrize("size", [1.0, 100.0])
@pytest.mark.parametrize("elements", [1, 20, 10**6])
def test_the_best_words_in_chunks_are_those_of_the_whole_softmax(monkeypatch, elements, size):
    monkeypatch.setattr(words, "CHUNK_ELEMENTS", elements)
    output, hidden_RD = Output(torch.randn(9, 4) * size, torch.randn(9)), torch.randn(7, 4)
    log_prob_RV = output.logits(hidden_RD).log_softmax(-1)
    log_prob_RV[:, [0, 1, 2]] = -math.inf
    expected = log_prob_RV.topk(4)
    log_prob_RC, word_RC = best_words(hidden_RD, output, num_words=4, forbidden=[0, 1, 2])
    assert torch.allclose(log_prob_RC, expected.values, atol=1e-4)
    assert torch.equal(word_RC, expected.indices)


@pytest.mark.parametrize(("size", "count"), [(5, 5), (16, 3), (203, 10), (203, 60), (1000, 1)])
def test_the_largest_are_those_of_topk(size, count):
    x_RV = torch.rand(6, size)
    found, expected = largest(x_RV, count), x_RV.topk(count)
    assert torch.equal(found[0], expected.values)
    assert torch.equal(found[1], expected.indices)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_without_finite_numbers_is_refused(toy, source, search, value):
    toy.bias_V[EOS] = value
    with pytest.raises(NumericalError, match="decoding: the model's scores are not finite"):
        SEARCHES[search](toy, source.ids, source.mask, DecodingSettings(search=search))
