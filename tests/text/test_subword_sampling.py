"""Sampled segmentations spell the same text with the probabilities of the papers, and depend on seed, epoch and sentence."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from translator.text import subword_sampling
from translator.text.batches import EncodedPairs, encode_corpus
from translator.text.corpus import Corpus
from translator.text.subword_sampling import BPEDropout, Segmenter, SubwordSampler, UnigramSampling
from translator.text.tokenizer import Tokenizer, TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer

WORDS = "low lower lowest new newer newest wide wider widest slow slower show shower tower power".split()
LINES = [" ".join(WORDS[n % 15 - k] for k in range(4)) for n in range(60)]
CORPUS = Corpus([*LINES, "naïve  日本 ☃ <s>"], [*LINES[::-1], "x▁y"])
TOKENIZERS: dict[str, Tokenizer] = {
    kind: train_tokenizer(CORPUS, TokenizerSettings(kind=kind, vocab_size=320, character_coverage=0.99))
    for kind in ("bpe", "unigram")
}
PAIRS = {kind: encode_corpus(CORPUS, tokenizer) for kind, tokenizer in TOKENIZERS.items()}
MAKE: dict[str, Callable[[Any, float], Segmenter[Any]]] = {"bpe": BPEDropout, "unigram": UnigramSampling}
ALL = np.arange(len(CORPUS.source))


def sampler(kind: str, strength: float, *, seed: int = 1) -> SubwordSampler:
    segmenter = MAKE[kind](TOKENIZERS[kind].source, strength)
    return SubwordSampler(segmenter, segmenter, seed=seed)


def sentences(pairs: EncodedPairs) -> list[list[list[int]]]:
    return [[side.tokens[first:last].tolist() for first, last in pairwise(side.offsets.tolist())] for side in pairs]


@pytest.mark.parametrize("kind", MAKE)
def test_a_sampled_sentence_spells_the_same_text_in_other_tokens(kind: str) -> None:
    sampled = sentences(sampler(kind, 0.3).sample(PAIRS[kind], ALL, 0))
    for found, best in zip(sampled, sentences(PAIRS[kind]), strict=True):
        assert TOKENIZERS[kind].decode_target(found) == TOKENIZERS[kind].decode_target(best)
        assert len(found[0]) > len(best[0]) or found != best


@pytest.mark.parametrize(("kind", "strength"), [("bpe", 1e-12), ("unigram", 1000.0)])
def test_without_randomness_the_best_segmentation_is_drawn(kind: str, strength: float) -> None:
    assert sentences(sampler(kind, strength).sample(PAIRS[kind], ALL, 0)) == sentences(PAIRS[kind])


@pytest.mark.parametrize("kind", MAKE)
def test_draws_depend_on_seed_epoch_and_sentence_only(kind: str) -> None:
    whole = sampler(kind, 0.3).sample(PAIRS[kind], ALL, 5)
    some = np.array([40, 7, 23])
    part = sampler(kind, 0.3).sample(PAIRS[kind], some, 5)
    assert sentences(part) == [[side[number] for number in some] for side in sentences(whole)]
    for other in (
        sampler(kind, 0.3).sample(PAIRS[kind], ALL, 6),
        sampler(kind, 0.3, seed=2).sample(PAIRS[kind], ALL, 5),
    ):
        assert sentences(other) != sentences(whole)


@pytest.mark.parametrize("kind", MAKE)
def test_forgetting_words_changes_no_draw(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sentences(sampler(kind, 0.3).sample(PAIRS[kind], ALL, 0))
    monkeypatch.setattr(subword_sampling, "_MAX_CACHED_TOKENS", 5)
    monkeypatch.setattr(subword_sampling, "_MAX_WORD_TOKENS", 2)
    forgetful = sampler(kind, 0.3)
    assert sentences(forgetful.sample(PAIRS[kind], ALL, 0)) == expected
    assert max(map(len, forgetful._segmenters[0]._words)) == 2


def frequencies(segmenter: Segmenter[Any], best: list[int], draws: int) -> Counter[tuple[int, ...]]:
    generator = Random(0)
    return Counter(tuple(segmenter.sample(best, generator)[:-1]) for _ in range(draws))


def test_bpe_dropout_has_the_frequencies_of_the_paper() -> None:
    """Algorithm 1 of Provilkov et al. (2020), with one random number for each possible merge."""
    segmenter, generator, draws = BPEDropout(TOKENIZERS["bpe"].source, 0.3), Random(1), 4000
    (best,) = TOKENIZERS["bpe"].encode_source(["slower"])
    expected: Counter[tuple[int, ...]] = Counter()
    for _ in range(draws):
        symbols = segmenter.symbols(best[:-1])
        while True:
            merges = [(place, segmenter.merged(pair)) for place, pair in enumerate(pairwise(symbols))]
            kept = [(-segmenter.scores[token], place, token) for place, token in merges if token]
            kept = [merge for merge in kept if generator.random() >= 0.3]
            if not kept:
                break
            _, place, token = min(kept)
            symbols[place : place + 2] = [token]
        expected[tuple(symbols)] += 1
    found = frequencies(segmenter, best, draws)
    assert len(expected) > 3
    for ids, count in expected.items():
        assert abs(found[ids] - count) < 5 * math.sqrt(2 * count) + 1


def test_unigram_sampling_has_the_probabilities_of_the_lattice() -> None:
    segmenter, draws, alpha = UnigramSampling(TOKENIZERS["unigram"].source, 0.3), 4000, 0.3
    (best,) = TOKENIZERS["unigram"].encode_source(["newest"])
    symbols = segmenter.symbols(best[:-1])

    def segmentations(start: int) -> list[tuple[int, ...]]:
        if start == len(symbols):
            return [()]
        tokens = [(end, segmenter.merged(symbols[start:end])) for end in range(start + 1, len(symbols) + 1)]
        return [(token, *rest) for end, token in tokens if token for rest in segmentations(end)]

    weights = {ids: math.exp(alpha * sum(segmenter.scores[token] for token in ids)) for ids in segmentations(0)}
    found, total = frequencies(segmenter, best, draws), sum(weights.values())
    assert len(weights) > 3
    assert found.keys() <= weights.keys()
    for ids, weight in weights.items():
        expected = draws * weight / total
        assert abs(found[ids] - expected) < 5 * math.sqrt(expected) + 1


def test_a_sentence_that_would_get_too_long_keeps_its_best_segmentation() -> None:
    segmenter = BPEDropout(TOKENIZERS["bpe"].source, 0.9)
    lengths = PAIRS["bpe"].source.lengths(ALL)
    limited = SubwordSampler(segmenter, segmenter, seed=1, max_lengths=(int(lengths.max()), None))
    source, target = limited.sample(PAIRS["bpe"], ALL, 0)
    assert source.lengths(ALL).max() <= lengths.max()
    assert target.lengths(ALL).max() > PAIRS["bpe"].target.lengths(ALL).max()
