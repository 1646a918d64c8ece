"""The translations of a sentence, and how those of several sentences become the translations of their line."""

from collections.abc import Sequence
from heapq import nlargest
from itertools import product
from typing import NamedTuple

import numpy as np

from translator.decoding.mbr import expected_utilities
from translator.decoding.settings import DecodingSettings
from translator.evaluation.alignment import Words
from translator.text.sentences import join_sentences


class WordConfidence(NamedTuple):
    """A word of a translation, and its probability given the source and the words before it."""

    word: str
    confidence: float


class Candidate(NamedTuple):
    """One translation of a sentence."""

    text: str
    score: float  # candidates are ranked by it, see decoding/hypothesis.py
    log_prob: float
    is_finished: bool  # False if it was cut at the maximum length
    ids: tuple[int, ...]  # its tokens, without EOS
    is_source_truncated: bool = False  # True if only the end of a source that was too long was translated
    words: tuple[WordConfidence, ...] = ()  # if they were asked for


def sentence_record(source: str, candidates: Sequence[Candidate]) -> dict[str, object]:
    """Return a sentence with its translations, best first, as `translate --json` and the server answer it."""
    translations = [candidate._asdict() for candidate in candidates]
    for translation in translations:
        del translation["ids"]
    return {"source": source, "translations": translations}


def word_confidences(tokens: Sequence[str], log_probs: Sequence[float]) -> tuple[WordConfidence, ...]:
    """Return the confidence in each word, the product over its tokens; the end token is left out."""
    words = Words.of(tokens)
    probabilities = np.exp(np.bincount(words.word_of_token, log_probs))[: words.num_words].round(6).tolist()
    return tuple(map(WordConfidence, words.words, probabilities))


def by_consensus(candidates: list[Candidate], settings: DecodingSettings) -> list[Candidate]:
    """Return the `num_best` candidates of highest expected utility, which becomes their score; finished ones first."""
    texts, log_probs = zip(*((candidate.text, candidate.log_prob) for candidate in candidates), strict=True)
    utilities = expected_utilities(texts, log_probs, settings.mbr_utility)
    scored = [candidate._replace(score=score) for candidate, score in zip(candidates, utilities, strict=True)]
    scored.sort(key=lambda candidate: (not candidate.is_finished, -candidate.score))
    return scored[: settings.num_best]


def combined(sentences: list[list[Candidate]], num_best: int, language: str) -> list[Candidate]:
    """Return the best translations of a line: combinations of translations of its sentences, by total score.

    `language` is that of the translations.
    """
    best, *others = sentences
    for candidates in others:
        # Total scores are sums, so a combination that is left out here is in none of the best ones.
        pairs = nlargest(num_best, product(best, candidates), key=_rank)
        best = [_joined(first, second, language) for first, second in pairs]
    return best


def _rank(pair: tuple[Candidate, Candidate]) -> tuple[bool, float]:
    return all(candidate.is_finished for candidate in pair), sum(candidate.score for candidate in pair)


def _joined(first: Candidate, second: Candidate, language: str) -> Candidate:
    return Candidate(
        text=join_sentences((first.text, second.text), language),
        score=first.score + second.score,
        log_prob=first.log_prob + second.log_prob,
        is_finished=first.is_finished and second.is_finished,
        ids=first.ids + second.ids,
        is_source_truncated=first.is_source_truncated or second.is_source_truncated,
        words=first.words + second.words,
    )
