"""Is one system better than another, or just lucky with the test set? Paired tests, scores of groups, and a verdict."""

import hashlib
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError
from translator.evaluation.metrics import References, Score, bleu, checked, make_bleu, rounded
from translator.text.words import split_words

SIGNIFICANT = 0.05
MIN_DIFFERING = 10
"""Sentences that must score differently for a paired test. With fewer, the bootstrap reports differences as significant
that an exact sign test does not: 4 sentences of 600, all worse, give 0.04 and 0.125."""
_LENGTH_EDGES = (10, 18, 25)
_RESAMPLES, _SEED = 1000, 12345


class GroupScore(NamedTuple):
    """BLEU of a group of sentences."""

    name: str
    num_sentences: int
    bleu: float | None  # None for an empty group


class Difference(NamedTuple):
    """The difference in BLEU between one system and another."""

    delta: float  # BLEU of the first minus BLEU of the second
    low: float  # of the 95 % interval of delta
    high: float
    p_value: float | None  # corrected for the number of tests (Holm 1979); None if there is no test
    reason: str | None = None  # why there is no test

    @property
    def is_significant(self) -> bool:
        """Whether a test was possible and its p-value is small."""
        return self.p_value is not None and self.p_value < SIGNIFICANT

    @property
    def outcome(self) -> str:
        """'better' or 'worse' if the difference is significant, else 'alike'."""
        if not self.is_significant:
            return "alike"
        return "better" if self.delta > 0 else "worse"

    @property
    def evidence(self) -> str:
        """The p-value in words, or why there is none."""
        return self.reason or f"p = {self.p_value:.3f}"

    def __str__(self) -> str:
        interval = "" if self.reason else f"[{self.low:.1f}, {self.high:.1f}] "
        return f"{self.delta:.1f} {interval}({self.evidence})"


NO_DIFFERENCE = Difference(0.0, 0.0, 0.0, 1.0)
"""Between a system and itself."""


class Gap(NamedTuple):
    """A sentence whose translations by two systems have different scores."""

    number: int  # from 1
    best: float  # sentence BLEU of the best system's translation
    other: float


class MostDifferent(NamedTuple):
    """The sentences where the best system and another differ most, the largest gap first."""

    best_is_better: list[Gap]
    other_is_better: list[Gap]


def fingerprint(references: Sequence[str]) -> str:
    """Return the SHA-256 of the lines; test sets are equal if their fingerprints are."""
    return hashlib.sha256("\n".join(references).encode()).hexdigest()


def by_length(
    hypotheses: Sequence[str],
    references: References,
    sources: Sequence[str],
    *,
    tokenizer: str = "13a",
) -> list[GroupScore]:
    """Return BLEU of sentences whose source has under 10, 10 to 17, 18 to 24, and 25 or more words."""
    lengths = [len(split_words(source)) for source in sources]
    groups = []
    for low, high in pairwise((0, *_LENGTH_EDGES, math.inf)):
        name = f"{low}+ words" if high == math.inf else f"<{high} words" if low == 0 else f"{low}-{high - 1} words"
        members = [index for index, length in enumerate(lengths) if low <= length < high]
        groups.append(_group_score(name, members, hypotheses, references, tokenizer))
    return groups


def by_kind(
    hypotheses: Sequence[str],
    references: References,
    kinds: Sequence[str],
    *,
    tokenizer: str = "13a",
) -> list[GroupScore]:
    """Return BLEU of the sentences of each kind; `kinds` labels every sentence."""
    groups: dict[str, list[int]] = {}
    for index, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(index)
    return [_group_score(kind, members, hypotheses, references, tokenizer) for kind, members in groups.items()]


def _group_score(
    name: str, members: Sequence[int], hypotheses: Sequence[str], references: References, tokenizer: str
) -> GroupScore:
    if not members:
        return GroupScore(name, 0, None)
    own, *several = ([lines[n] for n in members] for lines in (hypotheses, *references))
    score = bleu(own, several, tokenizer=tokenizer)
    return GroupScore(name, len(members), score)


def paired_tests(
    systems: Sequence[Sequence[str]], references: References, *, tokenizer: str = "13a"
) -> list[Difference]:
    """Compare the system with the highest BLEU with every system, itself included, by `paired_bootstrap`."""
    scores = [bleu(hypotheses, references, tokenizer=tokenizer) for hypotheses in systems]
    best = scores.index(max(scores))
    pairs = [(best, other) for other in range(len(systems)) if other != best]
    tests = paired_bootstrap(systems, references, pairs, tokenizer=tokenizer)
    return [*tests[:best], NO_DIFFERENCE, *tests[best:]]


def paired_bootstrap(
    systems: Sequence[Sequence[str]],
    references: References,
    pairs: Sequence[tuple[int, int]],
    *,
    tokenizer: str = "13a",
) -> list[Difference]:
    """Compare pairs of systems on the same resampled test sets (Koehn 2004).

    The p-value is the share of resampled sets whose difference, centred on zero, is at least as large as the observed
    one, on either side (Riezler and Maxwell 2005). It agrees with sacreBLEU's approximate randomisation; sacreBLEU's own
    bootstrap tests one side only, so its p-values are about half as large. There is no p-value if some but fewer than
    MIN_DIFFERING sentences score differently. Raises DataError if a system has another number of sentences.
    """
    counts = [_sentence_counts(hypotheses, references, tokenizer) for hypotheses in systems]
    scores = [_corpus_bleu(system.sum(0)) for system in counts]
    num_sentences = len(references[0])
    # The same draws for all systems, so that the test is paired.
    draws = np.random.default_rng(_SEED).integers(0, num_sentences, (_RESAMPLES, num_sentences))
    resampled = np.array([[_corpus_bleu(system[draw].sum(0)) for draw in draws] for system in counts])
    tests = []
    for first, second in pairs:
        delta, deltas = scores[first] - scores[second], resampled[first] - resampled[second]
        # The observed set counts as one of the samples, so a p-value is never 0.
        p_value = float((np.abs(deltas - deltas.mean()) >= abs(delta)).sum() + 1) / (_RESAMPLES + 1)
        low, high = map(float, np.percentile(deltas, (2.5, 97.5)))
        num_differing = int((counts[first] != counts[second]).any(1).sum())
        if 0 < num_differing < MIN_DIFFERING:
            reason = f"too few sentences differ to tell: {num_differing} of {num_sentences}"
            tests.append(Difference(delta, low, high, None, reason))
        else:
            tests.append(Difference(delta, low, high, p_value))
    return corrected(tests)


def corrected(tests: Sequence[Difference]) -> list[Difference]:
    """Return the tests with p-values corrected for their number (`holm`); a difference without a test does not count."""
    p_values = iter(holm([test.p_value for test in tests if test.p_value is not None]))
    return [test if test.p_value is None else test._replace(p_value=next(p_values)) for test in tests]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for the number of tests, so that the chance of any false positive stays the same (Holm 1979)."""
    order, corrected, highest = np.argsort(p_values, kind="stable"), [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        # Multiply each p-value by the number of p-values that are not smaller; keep their order.
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        corrected[index] = highest
    return corrected


def _sentence_counts(hypotheses: Sequence[str], references: References, tokenizer: str) -> NDArray[np.int64]:
    """Return what BLEU is computed from, one row per sentence: both lengths, matches and totals of n-grams 1 to 4."""
    metric = make_bleu(tokenizer=tokenizer)
    return np.array(metric._extract_corpus_statistics(*checked(hypotheses, references)), dtype=np.int64)


def _corpus_bleu(counts: NDArray[np.int64]) -> float:
    """Return BLEU from summed counts, as computed by sacreBLEU."""
    return float(make_bleu()._compute_score_from_stats(counts.tolist()).score)


def sentence_scores(hypotheses: Sequence[str], references: References, *, tokenizer: str = "13a") -> list[float]:
    """Return the smoothed BLEU of each sentence from sacreBLEU, with as many n-gram orders as its length allows."""
    metric = make_bleu(effective_order=True, tokenizer=tokenizer)
    lines, several = checked(hypotheses, references)
    pairs = zip(lines, zip(*several, strict=True), strict=True)
    return [rounded(metric.sentence_score(line, own_references).score) for line, own_references in pairs]


def most_different(best: Sequence[float], other: Sequence[float], *, most: int = 10) -> MostDifferent:
    """Return the sentences with the largest gaps between the `sentence_scores` of two systems; ties in corpus order."""
    gaps = [Gap(number, *scores) for number, scores in enumerate(zip(best, other, strict=True), 1)]
    return MostDifferent(
        sorted((gap for gap in gaps if gap.best > gap.other), key=lambda gap: gap.other - gap.best)[:most],
        sorted((gap for gap in gaps if gap.best < gap.other), key=lambda gap: gap.best - gap.other)[:most],
    )


def check_same(names: Sequence[str], sides: Sequence[Sequence[str]], what: str) -> None:
    """Raise DataError unless all systems have the same sentences on this side (`what`: sources or references)."""
    fingerprints = [fingerprint(side) for side in sides]
    for name, own in zip(names, fingerprints, strict=True):
        if own != fingerprints[0]:
            raise DataError(
                name,
                f"different {what} (fingerprint {own[:12]}, {names[0]} has {fingerprints[0][:12]})",
                "compare runs on one test set: --source and --reference",
            )


def verdict(names: Sequence[str], scores: Sequence[Score], tests: Sequence[Difference]) -> str:
    """Return the result in one sentence, with its uncertainty. `scores` are BLEU, `tests` come from `paired_tests`."""
    best, *others = sorted(range(len(names)), key=lambda index: -scores[index].value)
    score = scores[best]
    if not others:
        return f"{names[best]} scores {score.value:.1f} BLEU (95 % interval {score.low:.1f} to {score.high:.1f})."
    second = others[0]
    if score.value == scores[second].value:
        return f"{names[best]} and {names[second]} score the same BLEU, {score.value:.1f}."
    test, gap = tests[second], f"{names[best]} scores {tests[second].delta:.1f} BLEU above {names[second]}"
    if test.reason:
        return f"{gap}, but {test.reason}."
    interval = f"95 % interval {test.low:.1f} to {test.high:.1f}, {test.evidence}"
    if test.is_significant:
        return f"{gap} ({interval}, paired bootstrap over this test set, one run each)."
    return f"{gap}, but this test set cannot tell them apart ({interval}, paired bootstrap, one run each)."
