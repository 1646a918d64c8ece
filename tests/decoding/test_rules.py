"""What every search obeys: special tokens, the minimum length, and the slots of the source."""

import math

import pytest
import torch

from tests.decoding.test_laws import favour, forced, ids_of, run, settings_of
from tests.decoding.toy import Source, Toy, padded
from translator.decoding import SEARCHES
from translator.decoding.rules import NextTokenRules
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel
from translator.text.tokenizer import EOS

SLOTS = (4, 5)


@pytest.mark.parametrize(("length", "forbidden"), [(1, [0, 1, 2, 3]), (2, [0, 1, 2])])
def test_control_tokens_are_forbidden_and_eos_below_the_minimum_length(
    toy: Toy, source: Source, length: int, forbidden: list[int]
) -> None:
    rules, log_prob_1V = NextTokenRules(toy, source.ids, source.mask, DecodingSettings(min_length=2)), torch.zeros(1, 7)
    rules.apply(log_prob_1V, torch.full((1, length), 4), torch.tensor([0]))
    assert log_prob_1V.isneginf().nonzero()[:, 1].tolist() == forbidden


@pytest.mark.parametrize("most", [None, 1, 3, 6])
@pytest.mark.parametrize(("token", "amount"), [(6, 0.0), (EOS, 30.0), (EOS, -math.inf), (4, 9.0), (4, -30.0)])
@pytest.mark.parametrize("search", SEARCHES)
def test_every_translation_has_each_slot_as_often_as_its_source(
    model: AnyModel, sentences: list[list[int]], search: str, token: int, amount: float, most: int | None
) -> None:
    model.num_slots = len(SLOTS)
    favour(model, token, amount)
    results = run(model, padded(sentences), settings_of(search, max_length=most))
    for sentence, hypotheses in zip(sentences, results, strict=True):
        for hypothesis in hypotheses:
            assert [hypothesis.ids.count(slot) for slot in SLOTS] == [sentence.count(slot) for slot in SLOTS]
            assert most is None or len(hypothesis.ids) <= max(most, sum(sentence.count(slot) for slot in SLOTS))


@pytest.mark.parametrize("search", SEARCHES)
def test_slots_change_no_law_of_a_search(model: AnyModel, sentences: list[list[int]], search: str) -> None:
    model.num_slots, settings = len(SLOTS), settings_of(search)
    source = padded(sentences)
    results = run(model, source, settings)
    alone = [ids_of(run(model, padded([sentence]), settings))[0] for sentence in sentences]
    assert ids_of(results) == alone == ids_of(run(model, padded(sentences[::-1], extra=3), settings))[::-1]
    for row, hypotheses in enumerate(results):
        expected = forced(model, source, row, hypotheses)
        assert [hypothesis.log_prob for hypothesis in hypotheses] == pytest.approx(expected, abs=1e-4)


def test_where_the_model_would_end_only_missing_slots_follow(toy: Toy) -> None:
    toy.num_slots = len(SLOTS)
    source, settings = padded([[5, 6, 5, 6, 6, 6, EOS]]), settings_of("greedy", max_length=9)
    [[free]] = run(toy, source, settings)
    assert free.ids.index(5) < len(free.ids) - 2
    favour(toy, EOS, 30.0)
    assert run(toy, source, settings)[0][0].ids == (5, 5)
