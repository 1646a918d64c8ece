import pytest
import torch
from torch import Tensor

from tests.decoding.toy import Source, Toy
from translator.decoding.beam import beam
from translator.decoding.hypothesis import Hypothesis, length_penalty
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import BOS, EOS


def search(model: Toy, source: Source, **changes: object) -> list[list[Hypothesis]]:
    return beam(model, source.ids, source.mask, DecodingSettings.model_validate(changes))


def test_the_first_step_costs_one_row_per_sentence(toy: Toy, source: Source) -> None:
    toy.bias_V[EOS] = -40.0
    search(toy, source, beam_size=3, max_length=2)
    assert toy.rows == [6, 18, 18]


def test_finished_sentences_leave_the_batch(toy: Toy, sentences: list[list[int]], source: Source) -> None:
    toy.bias_V[EOS] = -40.0
    search(toy, source, beam_size=3, max_length_ratio=1.0, max_length_extra=0)
    lengths = [len(sentence) for sentence in sentences]
    assert toy.rows[1:] == [3 * sum(length >= step for length in lengths) for step in range(1, max(lengths) + 1)]


def plain_beam(
    model: Toy, source: Source, *, row: int, size: int, max_length: int, early_stopping: bool = True
) -> list[tuple[tuple[int, ...], float]]:
    """The same search for one sentence, by sorting Python lists; (ids, log_prob) of finished hypotheses, best first."""
    tokens = (EOS, 4, 5, 6)
    partial: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[tuple[tuple[int, ...], float]] = []
    for _ in range(max_length + 1):
        extended = [
            (log_prob + float(next_log_prob_V[token]), (*ids, token))
            for ids, log_prob in partial
            for next_log_prob_V in [next_log_probs(model, source, row, ids)]
            for token in tokens
        ]
        best = sorted(extended, reverse=True)[: 2 * size]
        finished += [(ids[:-1], log_prob) for log_prob, ids in best[:size] if ids[-1] == EOS]
        partial = [(ids, log_prob) for log_prob, ids in best if ids[-1] != EOS][:size]
        if early_stopping and len(finished) >= size:
            break
    return sorted(finished, key=lambda hypothesis: -hypothesis[1])


def next_log_probs(model: Toy, source: Source, row: int, ids: tuple[int, ...]) -> Tensor:
    state = model.start(model.encode(source.ids[row : row + 1], source.mask[row : row + 1]), 1)
    for token in (BOS, *ids):
        hidden_11D, state = model.advance(torch.tensor([[token]]), state)
        logits_11V = model.output.logits(hidden_11D)
    return logits_11V[0, 0].log_softmax(-1)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_batched_search_equals_a_plain_one(toy: Toy, source: Source, size: int) -> None:
    toy.bias_V[EOS] = 1.0
    results = search(toy, source, beam_size=size, num_best=size, max_length=6, length_penalty=0.0)
    for row, hypotheses in enumerate(results):
        expected = plain_beam(toy, source, row=row, size=size, max_length=6)[:size]
        finished = [hypothesis for hypothesis in hypotheses if hypothesis.is_finished]
        assert [hypothesis.ids for hypothesis in finished] == [ids for ids, _ in expected]
        log_probs = [hypothesis.log_prob for hypothesis in finished]
        assert log_probs == pytest.approx([log_prob for _, log_prob in expected], abs=1e-4)


def test_search_stops_at_once_if_eos_is_certain(toy: Toy, source: Source) -> None:
    toy.bias_V[EOS] = 40.0
    search(toy, source, beam_size=3, max_length=50)
    assert toy.rows == [6]


def test_search_stops_when_no_partial_hypothesis_can_win(toy: Toy, source: Source) -> None:
    toy.bias_V[EOS] = 6.0
    results = search(toy, source, beam_size=3, max_length=50)
    assert len(toy.rows) < 10
    assert all(hypothesis.is_finished for (hypothesis,) in results)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("bias", [-1.0, 0.5, 2.0])
def test_without_early_stopping_no_hypothesis_has_a_lower_score(
    toy: Toy, source: Source, alpha: float, size: int, bias: float
) -> None:
    toy.bias_V[EOS] = bias
    options = {"beam_size": size, "num_best": size, "max_length": 6, "length_penalty": alpha}
    early = search(toy, source, **options)
    whole = search(toy, source, **options, early_stopping=False)
    for hypotheses, better in zip(early, whole, strict=True):
        assert len(better) >= len(hypotheses)
        for old, new in zip(hypotheses, better, strict=False):
            assert (new.is_finished, new.score) >= (old.is_finished, old.score - 1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 3.0])
def test_without_early_stopping_search_finds_the_best_of_all_that_the_beam_finishes(
    toy: Toy, source: Source, alpha: float
) -> None:
    toy.bias_V[EOS] = 2.0
    results = search(toy, source, beam_size=3, max_length=6, length_penalty=alpha, early_stopping=False)
    for row, (best,) in enumerate(results):
        finished = plain_beam(toy, source, row=row, size=3, max_length=6, early_stopping=False)
        scores = [log_prob / length_penalty(len(ids) + 1, alpha) for ids, log_prob in finished]
        assert best.is_finished == bool(scores)
        assert not scores or best.score == pytest.approx(max(scores), abs=1e-4)


def test_early_stopping_can_miss_a_better_hypothesis(toy: Toy, source: Source) -> None:
    toy.bias_V[EOS] = 0.5
    early, whole = (
        search(toy, source, beam_size=2, max_length=8, length_penalty=1.0, early_stopping=early)
        for early in (True, False)
    )
    assert sum(new.score > old.score + 1e-6 for (old,), (new,) in zip(early, whole, strict=True)) > 0


def test_a_wide_beam_is_at_least_as_probable_as_greedy_search(toy: Toy, source: Source) -> None:
    for (wide,), (greedy,) in zip(
        search(toy, source, beam_size=60, length_penalty=0.0, max_length=4),
        search(toy, source, beam_size=1, length_penalty=0.0, max_length=4),
        strict=True,
    ):
        assert wide.log_prob >= greedy.log_prob - 1e-5 or not greedy.is_finished


def test_truncated_hypotheses_fill_an_n_best_list_after_the_finished_ones(toy: Toy, source: Source) -> None:
    toy.bias_V[EOS] = -1.0
    results = search(toy, source, beam_size=4, num_best=4, max_length=2)
    flags = [[hypothesis.is_finished for hypothesis in hypotheses] for hypotheses in results]
    assert all(len(row) == 4 and row == sorted(row, reverse=True) for row in flags)
    assert any(True in row and False in row for row in flags)


def test_there_are_no_more_hypotheses_than_sequences(toy: Toy, source: Source) -> None:
    results = search(toy, source, beam_size=50, num_best=50, max_length=1)
    assert {len(hypotheses) for hypotheses in results} == {4}  # the empty one, or one of three tokens


def test_num_best_hypotheses_are_returned(toy: Toy, source: Source) -> None:
    results = search(toy, source, beam_size=5, num_best=5, max_length=8)
    assert {len(hypotheses) for hypotheses in results} == {5}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_search_runs_in_the_type_of_the_model(toy: Toy, source: Source, dtype: torch.dtype) -> None:
    for name in ("token_VD", "recurrence_DD", "weight_VD", "bias_V"):
        setattr(toy, name, getattr(toy, name).to(dtype))
    assert len(search(toy, source, max_length=3)) == len(source.ids)
