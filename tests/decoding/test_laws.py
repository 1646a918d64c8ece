"""Laws that every search keeps with every model. A new entry of SEARCHES or MODELS is run through them unasked."""

import itertools
import math

import pytest
import torch

from tests.forced import forced_log_probs
from translator.decoding import SEARCHES
from translator.decoding.hypothesis import length_penalty
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import BOS, EOS, PAD, UNK

WORDS = (4, 5, 6)


def settings_of(search, **changes):
    """Short translations; beam search returns several."""
    defaults = {"search": search, "max_length": 6, "num_best": 1 if search == "greedy" else 3}
    return DecodingSettings(**{**defaults, **changes})


def run(model, source, settings):
    return SEARCHES[settings.search](model, source.ids, source.mask, settings)


def texts(results):
    return [[one.ids for one in found] for found in results]


def favour(model, word, amount):
    """Make a word more (or less) probable everywhere."""
    with torch.no_grad():
        model.output.bias[word] += amount


def forced(model, source, row, hypotheses, padded):
    """The model's own log-probability of each hypothesis of one sentence."""
    targets = padded([[*one.ids, *[EOS] * one.is_finished] for one in hypotheses]).ids
    count = len(targets)
    ids_BS, mask_BS = source.ids[row].expand(count, -1), source.mask[row].expand(count, -1)
    return forced_log_probs(model, ids_BS, mask_BS, targets).tolist()


@pytest.mark.parametrize("search", SEARCHES)
def test_a_sentence_gets_the_same_text_in_any_batch_order_and_padding(model, sentences, padded, search):
    settings = settings_of(search)
    whole = texts(run(model, padded(sentences), settings))
    assert len({str(found) for found in whole}) > 1  # the sources do matter
    alone = [texts(run(model, padded([sentence]), settings))[0] for sentence in sentences]
    turned = texts(run(model, padded(sentences[::-1], extra=3), settings))[::-1]
    assert whole == alone == turned


@pytest.mark.parametrize("search", SEARCHES)
def test_a_score_is_the_forced_log_prob_over_the_length_penalty(model, source, padded, search):
    settings = settings_of(search, length_penalty=0.8)
    for row, found in enumerate(run(model, source, settings)):
        expected = forced(model, source, row, found, padded)
        assert [one.log_prob for one in found] == pytest.approx(expected, abs=1e-4)
        for one in found:
            penalty = length_penalty(len(one.ids) + one.is_finished, 0.8)
            assert one.score == pytest.approx(one.log_prob / penalty)


@pytest.mark.parametrize("search", SEARCHES)
def test_lengths_stay_between_the_least_and_the_most(model, source, search):
    for least, most in ((0, 1), (2, 3), (4, 4)):
        for found in run(model, source, settings_of(search, min_length=least, max_length=most)):
            assert all(least <= len(one.ids) <= most for one in found)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_translation_of_the_greatest_length_may_still_end(model, source, search):
    favour(model, EOS, 30.0)
    for found in run(model, source, settings_of(search, min_length=3, max_length=3)):
        assert found[0].is_finished
        assert len(found[0].ids) == 3


@pytest.mark.parametrize("search", SEARCHES)
def test_without_an_end_mark_each_sentence_is_cut_at_its_own_length_and_flagged(model, sentences, source, search):
    favour(model, EOS, -math.inf)
    settings = settings_of(search, max_length=None, max_length_ratio=1.5, max_length_extra=1)
    for sentence, found in zip(sentences, run(model, source, settings), strict=True):
        assert {(len(one.ids), one.is_finished) for one in found} == {(int(1.5 * len(sentence)) + 1, False)}


@pytest.mark.parametrize("search", SEARCHES)
def test_control_marks_are_never_produced(model, source, search):
    for mark in (PAD, UNK, BOS):
        favour(model, mark, 9.0)
    for found in run(model, source, settings_of(search)):
        assert all(word in WORDS for one in found for word in one.ids)


@pytest.mark.parametrize("search", SEARCHES)
def test_hypotheses_are_sorted_and_differ(model, source, search):
    for found in run(model, source, settings_of(search)):
        assert found == sorted(found, key=lambda one: (not one.is_finished, -one.score))
        assert len({one.ids for one in found}) == len(found)


@pytest.mark.parametrize("search", SEARCHES)
def test_searching_twice_gives_the_same_and_leaves_the_global_generator_alone(model, source, search):
    before = torch.get_rng_state()
    assert run(model, source, settings_of(search)) == run(model, source, settings_of(search))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_one_beam_is_greedy_search(model, source, alpha):
    greedy = run(model, source, settings_of("greedy", length_penalty=alpha))
    beam = run(model, source, settings_of("beam", beam_size=1, num_best=1, length_penalty=alpha))
    assert texts(beam) == texts(greedy)
    assert [one.is_finished for (one,) in beam] == [one.is_finished for (one,) in greedy]


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"temperature": 0.01}, {"top_p": 1e-6}])
def test_sampling_from_the_best_word_alone_is_greedy_search(model, source, narrow):
    greedy = run(model, source, settings_of("greedy"))
    sampled = run(model, source, settings_of("sampling", num_best=1, **narrow))
    assert texts(sampled) == texts(greedy)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("least", [0, 2])
def test_a_beam_over_everything_is_exhaustive_search(model, source, padded, alpha, least):
    every = [ids for length in range(least, 4) for ids in itertools.product(WORDS, repeat=length)]
    settings = settings_of("beam", beam_size=128, num_best=5, min_length=least, max_length=3, length_penalty=alpha)
    targets_BT = padded([[*ids, EOS] for ids in every]).ids
    for row, found in enumerate(run(model, source, settings)):
        ids_BS, mask_BS = source.ids[row].expand(len(every), -1), source.mask[row].expand(len(every), -1)
        log_probs = forced_log_probs(model, ids_BS, mask_BS, targets_BT).tolist()
        scores = [
            log_prob / length_penalty(len(ids) + 1, alpha) for ids, log_prob in zip(every, log_probs, strict=True)
        ]
        best = sorted(zip(scores, every, strict=True), reverse=True)[:5]
        assert [one.ids for one in found] == [ids for _, ids in best]
        assert [one.score for one in found] == pytest.approx([score for score, _ in best], abs=1e-4)
