import pytest
import torch

from translator.decoding.beam import beam
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import BOS, EOS


def search(model, source, **changes):
    return beam(model, source.ids, source.mask, DecodingSettings(**changes))


def test_the_first_word_costs_one_row_a_sentence(toy, source):
    toy.bias_V[EOS] = -40.0
    search(toy, source, beam_size=3, max_length=2)
    assert toy.rows == [6, 18, 18]


def test_finished_sentences_leave_the_batch(toy, sentences, source):
    toy.bias_V[EOS] = -40.0
    search(toy, source, beam_size=3, max_length_ratio=1.0, max_length_extra=0)
    longest = [len(sentence) for sentence in sentences]
    assert toy.rows[1:] == [3 * sum(length >= step for length in longest) for step in range(1, max(longest) + 1)]


def plain_beam(model, source, row, size, most):
    """The same search of one sentence by sorting Python lists; (ids, log_prob) of what ended, best first."""
    words, live, ended = (EOS, 4, 5, 6), [((), 0.0)], []
    for _ in range(most + 1):
        extended = [
            (log_prob + float(gain_V[word]), (*ids, word))
            for ids, log_prob in live
            for gain_V in [next_log_probs(model, source, row, ids)]
            for word in words
        ]
        best = sorted(extended, reverse=True)[: 2 * size]
        ended += [(ids[:-1], log_prob) for log_prob, ids in best[:size] if ids[-1] == EOS]
        live = [(ids, log_prob) for log_prob, ids in best if ids[-1] != EOS][:size]
        if len(ended) >= size:
            break
    return sorted(ended, key=lambda one: -one[1])[:size]


def next_log_probs(model, source, row, ids):
    state = model.start(model.encode(source.ids[row : row + 1], source.mask[row : row + 1]), 1)
    for word in (BOS, *ids):
        hidden_11D, state = model.advance(torch.tensor([[word]]), state)
        logits_11V = model.output.logits(hidden_11D)
    return logits_11V[0, 0].log_softmax(-1)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_search_equals_a_plain_one(toy, source, size):
    toy.bias_V[EOS] = 1.0
    for row, found in enumerate(search(toy, source, beam_size=size, num_best=size, max_length=6, length_penalty=0.0)):
        expected = plain_beam(toy, source, row, size, 6)
        ended = [one for one in found if one.is_finished]
        assert [one.ids for one in ended] == [ids for ids, _ in expected]
        assert [one.log_prob for one in ended] == pytest.approx([log_prob for _, log_prob in expected], abs=1e-4)


def test_search_stops_at_once_when_the_end_is_certain(toy, source):
    toy.bias_V[EOS] = 40.0
    search(toy, source, beam_size=3, max_length=50)
    assert toy.rows == [6]


def test_search_stops_when_nothing_can_beat_what_is_finished(toy, source):
    toy.bias_V[EOS] = 6.0
    found = search(toy, source, beam_size=3, max_length=50)
    assert len(toy.rows) < 10
    assert all(one.is_finished for (one,) in found)


def test_a_wide_beam_finds_nothing_less_probable_than_greedy_search(toy, source):
    for (wide,), (greedy,) in zip(
        search(toy, source, beam_size=60, length_penalty=0.0, max_length=4),
        search(toy, source, beam_size=1, length_penalty=0.0, max_length=4),
        strict=True,
    ):
        assert wide.log_prob >= greedy.log_prob - 1e-5 or not greedy.is_finished


def test_cut_hypotheses_fill_an_n_best_list_behind_the_finished_ones(toy, source):
    toy.bias_V[EOS] = -1.0
    flags = [[one.is_finished for one in found] for found in search(toy, source, beam_size=4, num_best=4, max_length=2)]
    assert all(len(each) == 4 and each == sorted(each, reverse=True) for each in flags)
    assert any(True in each and False in each for each in flags)


def test_there_are_no_more_hypotheses_than_sequences(toy, source):
    found = search(toy, source, beam_size=50, num_best=50, max_length=1)
    assert {len(each) for each in found} == {4}  # nothing, or one of three words


def test_as_many_hypotheses_as_asked_for_are_returned(toy, source):
    assert {len(found) for found in search(toy, source, beam_size=5, num_best=5, max_length=8)} == {5}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_numbers_follow_the_model(toy, source, dtype):
    for name in ("word_VD", "recurrence_DD", "weight_VD", "bias_V"):
        setattr(toy, name, getattr(toy, name).to(dtype))
    assert len(search(toy, source, max_length=3)) == len(source.ids)
