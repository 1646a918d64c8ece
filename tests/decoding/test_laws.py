"""Laws of every search with every model. New entries of SEARCHES and MODELS are run through them automatically."""

import itertools
import math
from typing import Any

import pytest
import torch

from tests.decoding.toy import Source, padded
from tests.forced import forced_log_probs
from translator.decoding import SEARCHES
from translator.decoding.hypothesis import Hypothesis, length_penalty
from translator.decoding.rules import Prefixes
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS, PAD, UNK

TOKENS = (4, 5, 6)


def settings_of(search: str, **changes: Any) -> DecodingSettings:
    """Settings for short translations; all searches but greedy return several."""
    defaults = {"search": search, "max_length": 6, "num_best": 1 if search == "greedy" else 3}
    return DecodingSettings.model_validate({**defaults, **changes})


def run(model: AnyModel, source: Source, settings: DecodingSettings, prefixes: Prefixes = ()) -> list[list[Hypothesis]]:
    return SEARCHES[settings.search](model, source.ids, source.mask, settings, prefixes)


def ids_of(results: list[list[Hypothesis]]) -> list[list[tuple[int, ...]]]:
    return [[hypothesis.ids for hypothesis in hypotheses] for hypotheses in results]


def favour(model: AnyModel, token: int, amount: float) -> None:
    """Make a token more (or less) probable everywhere."""
    with torch.no_grad():
        model.output.bias[token] += amount


def forced(model: AnyModel, source: Source, row: int, hypotheses: list[Hypothesis]) -> list[float]:
    """The model's own log-probability of each hypothesis of one sentence."""
    targets = padded([[*hypothesis.ids, *[EOS] * hypothesis.is_finished] for hypothesis in hypotheses]).ids
    count = len(targets)
    ids_BS, mask_BS = source.ids[row].expand(count, -1), source.mask[row].expand(count, -1)
    log_probs: list[float] = forced_log_probs(model, ids_BS, mask_BS, targets).tolist()
    return log_probs


@pytest.mark.parametrize("search", SEARCHES)
def test_a_translation_does_not_depend_on_batch_order_or_padding(
    model: AnyModel, sentences: list[list[int]], search: str
) -> None:
    settings = settings_of(search)
    batch = ids_of(run(model, padded(sentences), settings))
    assert len({str(hypotheses) for hypotheses in batch}) > 1  # the sources do matter
    alone = [ids_of(run(model, padded([sentence]), settings))[0] for sentence in sentences]
    reversed_and_padded = ids_of(run(model, padded(sentences[::-1], extra=3), settings))[::-1]
    assert batch == alone == reversed_and_padded


@pytest.mark.parametrize("search", SEARCHES)
def test_a_score_is_the_forced_log_prob_divided_by_the_length_penalty(
    model: AnyModel, source: Source, search: str
) -> None:
    settings = settings_of(search, length_penalty=0.8)
    for row, hypotheses in enumerate(run(model, source, settings)):
        expected = forced(model, source, row, hypotheses)
        assert [hypothesis.log_prob for hypothesis in hypotheses] == pytest.approx(expected, abs=1e-4)
        for hypothesis in hypotheses:
            penalty = length_penalty(len(hypothesis.ids) + hypothesis.is_finished, 0.8)
            assert hypothesis.score == pytest.approx(hypothesis.log_prob / penalty)


@pytest.mark.parametrize("search", SEARCHES)
def test_lengths_stay_between_minimum_and_maximum(model: AnyModel, source: Source, search: str) -> None:
    for least, most in ((0, 1), (2, 3), (4, 4)):
        for hypotheses in run(model, source, settings_of(search, min_length=least, max_length=most)):
            assert all(least <= len(hypothesis.ids) <= most for hypothesis in hypotheses)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_translation_of_maximum_length_may_still_end(model: AnyModel, source: Source, search: str) -> None:
    favour(model, EOS, 30.0)
    for hypotheses in run(model, source, settings_of(search, min_length=3, max_length=3)):
        assert hypotheses[0].is_finished
        assert len(hypotheses[0].ids) == 3


@pytest.mark.parametrize("search", SEARCHES)
def test_without_eos_each_sentence_is_truncated_at_its_own_length_and_flagged(
    model: AnyModel, sentences: list[list[int]], source: Source, search: str
) -> None:
    favour(model, EOS, -math.inf)
    settings = settings_of(search, max_length=None, max_length_ratio=1.5, max_length_extra=1)
    for sentence, hypotheses in zip(sentences, run(model, source, settings), strict=True):
        ends = {(len(hypothesis.ids), hypothesis.is_finished) for hypothesis in hypotheses}
        assert ends == {(int(1.5 * len(sentence)) + 1, False)}


@pytest.mark.parametrize("search", SEARCHES)
def test_control_tokens_are_never_generated(model: AnyModel, source: Source, search: str) -> None:
    for token in (PAD, UNK, BOS):
        favour(model, token, 9.0)
    for hypotheses in run(model, source, settings_of(search)):
        assert all(token in TOKENS for hypothesis in hypotheses for token in hypothesis.ids)


PREFIXES = [[4], [], [5, 5, 4], [6, 4], [4, 4, 4, 4, 4, 4], [5]]


@pytest.mark.parametrize("search", SEARCHES)
def test_each_translation_starts_with_its_prefix_and_has_its_forced_score(
    model: AnyModel, sentences: list[list[int]], source: Source, search: str
) -> None:
    settings = settings_of(search)
    found = run(model, source, settings, PREFIXES)
    for row, (prefix, hypotheses) in enumerate(zip(PREFIXES, found, strict=True)):
        assert hypotheses
        assert all(list(hypothesis.ids[: len(prefix)]) == prefix for hypothesis in hypotheses)
        expected = forced(model, source, row, hypotheses)
        assert [hypothesis.log_prob for hypothesis in hypotheses] == pytest.approx(expected, abs=1e-4)
        alone = run(model, padded([sentences[row]]), settings, [prefix])
        assert ids_of(alone) == ids_of([hypotheses])
    assert ids_of(run(model, source, settings, [[]] * 6)) == ids_of(run(model, source, settings))


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_is_repeated_after_the_prefix(model: AnyModel, source: Source, search: str, size: int) -> None:
    favour(model, EOS, -6.0)
    for token in TOKENS[:2]:
        favour(model, token, 4.0)
    for prefix, changes in (([], {}), ([4, 4, 4], {"max_length": 8})):
        settings = settings_of(search, no_repeat_ngram=size, **changes)
        for hypotheses in run(model, source, settings, [prefix] * 6):
            for ids in (hypothesis.ids for hypothesis in hypotheses):
                ngrams = [ids[end - size : end] for end in range(size, len(ids) + 1)]
                new = ngrams[max(len(prefix) - size + 1, 0) :]
                assert len(set(new)) == len(new)
                assert not {*new} & {*ngrams[: max(len(prefix) - size + 1, 0)]}


@pytest.mark.parametrize("search", SEARCHES)
def test_hypotheses_are_sorted_and_distinct(model: AnyModel, source: Source, search: str) -> None:
    for hypotheses in run(model, source, settings_of(search)):
        assert hypotheses == sorted(hypotheses, key=lambda hypothesis: (not hypothesis.is_finished, -hypothesis.score))
        assert len({hypothesis.ids for hypothesis in hypotheses}) == len(hypotheses)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_is_repeatable_and_leaves_the_global_generator_alone(
    model: AnyModel, source: Source, search: str
) -> None:
    before = torch.get_rng_state()
    assert run(model, source, settings_of(search)) == run(model, source, settings_of(search))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_of_size_one_is_greedy_search(model: AnyModel, source: Source, alpha: float) -> None:
    greedy = run(model, source, settings_of("greedy", length_penalty=alpha))
    beam = run(model, source, settings_of("beam", beam_size=1, num_best=1, length_penalty=alpha))
    assert ids_of(beam) == ids_of(greedy)
    assert [hypothesis.is_finished for (hypothesis,) in beam] == [hypothesis.is_finished for (hypothesis,) in greedy]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_without_early_stopping_no_translation_has_a_lower_score(model: AnyModel, source: Source, alpha: float) -> None:
    early, whole = (
        run(model, source, settings_of("beam", length_penalty=alpha, early_stopping=early)) for early in (True, False)
    )
    for hypotheses, better in zip(early, whole, strict=True):
        assert len(hypotheses) == len(better)
        for old, new in zip(hypotheses, better, strict=True):
            assert (new.is_finished, new.score) >= (old.is_finished, old.score - 1e-5)


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"temperature": 0.01}, {"top_p": 1e-6}])
def test_sampling_from_the_best_token_alone_is_greedy_search(
    model: AnyModel, source: Source, narrow: dict[str, float]
) -> None:
    greedy = run(model, source, settings_of("greedy"))
    sampled = run(model, source, settings_of("sampling", num_best=1, **narrow))
    assert ids_of(sampled) == ids_of(greedy)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize(("least", "prefix"), [(0, ()), (2, ()), (0, (5,)), (2, (4, 4))])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_beam_that_holds_everything_is_exhaustive_search(
    model: AnyModel, source: Source, alpha: float, least: int, prefix: tuple[int, ...], early_stopping: bool
) -> None:
    every = [ids for length in range(least, 4) for ids in itertools.product(TOKENS, repeat=length)]
    every = [ids for ids in every if ids[: len(prefix)] == prefix]
    changes = {"min_length": least, "max_length": 3, "length_penalty": alpha, "early_stopping": early_stopping}
    settings = settings_of("beam", beam_size=128, num_best=3, **changes)
    targets_BT = padded([[*ids, EOS] for ids in every]).ids
    for row, hypotheses in enumerate(run(model, source, settings, [prefix] * 6)):
        ids_BS, mask_BS = source.ids[row].expand(len(every), -1), source.mask[row].expand(len(every), -1)
        log_probs = forced_log_probs(model, ids_BS, mask_BS, targets_BT).tolist()
        scores = [
            log_prob / length_penalty(len(ids) + 1, alpha) for ids, log_prob in zip(every, log_probs, strict=True)
        ]
        best = sorted(zip(scores, every, strict=True), reverse=True)[:3]
        assert [hypothesis.ids for hypothesis in hypotheses] == [ids for _, ids in best]
        assert [hypothesis.score for hypothesis in hypotheses] == pytest.approx([score for score, _ in best], abs=1e-4)
