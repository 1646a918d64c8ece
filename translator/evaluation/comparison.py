"""Is one system better than another, or only luckier? Paired tests, groups of sentences, and a sentence that sums it up."""

import hashlib
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError
from translator.evaluation.metrics import Score, bleu, check_counts, make_bleu, one_line, rounded

LENGTH_EDGES = (10, 18, 25)
RESAMPLES, SEED = 1000, 12345
SIGNIFICANT = 0.05


class GroupScore(NamedTuple):
    """BLEU of some of the sentences."""

    name: str
    num_sentences: int
    bleu: float | None  # None where there are none


class Difference(NamedTuple):
    """How one system differs from another."""

    delta: float  # BLEU, the one's minus the other's
    low: float  # of the 95 % interval of delta
    high: float
    p_value: float  # corrected for the number of tests (Holm 1979)

    @property
    def outcome(self) -> str:
        """'better' or 'worse' where the one is that by more than luck in the choice of test sentences, else 'alike'."""
        if self.p_value >= SIGNIFICANT:
            return "alike"
        return "better" if self.delta > 0 else "worse"

    def __str__(self) -> str:
        return f"{self.delta:.1f} [{self.low:.1f}, {self.high:.1f}] (p = {self.p_value:.3f})"


NO_DIFFERENCE = Difference(0.0, 0.0, 0.0, 1.0)
"""Of a system from itself."""


class Gap(NamedTuple):
    """A sentence that two systems translate unequally well."""

    number: int  # from 1
    best: float  # sentence BLEU of the best system's translation
    other: float


class MostDifferent(NamedTuple):
    """The sentences where the best system and another differ most, the widest gap first."""

    best_is_better: list[Gap]
    other_is_better: list[Gap]


def fingerprint(references: Sequence[str]) -> str:
    """SHA-256 of the references, line by line: equal only for the same test set."""
    return hashlib.sha256("\n".join(references).encode()).hexdigest()


def by_length(hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str]) -> list[GroupScore]:
    """BLEU of sentences whose source has under 10, 10 to 17, 18 to 24, and 25 or more words."""
    lengths = [len(source.split()) for source in sources]
    groups = []
    for low, high in pairwise((0, *LENGTH_EDGES, math.inf)):
        name = f"{low}+ words" if high == math.inf else f"<{high} words" if low == 0 else f"{low}-{high - 1} words"
        chosen = [index for index, length in enumerate(lengths) if low <= length < high]
        groups.append(group_score(name, chosen, hypotheses, references))
    return groups


def by_kind(hypotheses: Sequence[str], references: Sequence[str], kinds: Sequence[str]) -> list[GroupScore]:
    """BLEU of the sentences of each label."""
    check_counts(kinds, references)
    return [
        group_score(kind, [index for index, one in enumerate(kinds) if one == kind], hypotheses, references)
        for kind in dict.fromkeys(kinds)
    ]


def group_score(name: str, chosen: Sequence[int], hypotheses: Sequence[str], references: Sequence[str]) -> GroupScore:
    """BLEU of the sentences of these numbers."""
    if not chosen:
        return GroupScore(name, 0, None)
    return GroupScore(name, len(chosen), bleu([hypotheses[n] for n in chosen], [references[n] for n in chosen]))


def paired_tests(systems: Sequence[Sequence[str]], references: Sequence[str]) -> list[Difference]:
    """The one of highest BLEU against each system, as `pair_tests` does it."""
    scores = [bleu(hypotheses, references) for hypotheses in systems]
    best = scores.index(max(scores))
    others = [index for index in range(len(systems)) if index != best]
    tests = pair_tests(systems, references, [(best, other) for other in others])
    return [*tests[:best], NO_DIFFERENCE, *tests[best:]]


def pair_tests(
    systems: Sequence[Sequence[str]], references: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> list[Difference]:
    """Pairs of systems, by paired bootstrap over the same resampled test sets for all (Koehn 2004).

    The p-value is the share of resampled sets whose difference, centred on zero, is at least as large as the one found,
    on either side (Riezler and Maxwell 2005). It agrees with sacreBLEU's approximate randomisation; sacreBLEU's own
    bootstrap looks at one side only, so that its p-values are about half as large. Raises DataError where a system has
    other sentences.
    """
    for hypotheses in systems:
        check_counts(hypotheses, references)
    counts = [sentence_counts(hypotheses, references) for hypotheses in systems]
    found = [corpus_bleu(one.sum(0)) for one in counts]
    draws = np.random.default_rng(SEED).integers(0, len(references), (RESAMPLES, len(references)))
    resampled = np.array([[corpus_bleu(one[draw].sum(0)) for draw in draws] for one in counts])
    raw = []
    for one, other in pairs:
        delta, deltas = found[one] - found[other], resampled[one] - resampled[other]
        p_value = float((np.abs(deltas - deltas.mean()) >= abs(delta)).sum() + 1) / (RESAMPLES + 1)
        low, high = np.percentile(deltas, (2.5, 97.5))
        raw.append(Difference(delta, float(low), float(high), p_value))
    return corrected(raw)


def corrected(tests: Sequence[Difference]) -> list[Difference]:
    """The same tests with p-values that allow for how many there are."""
    p_values = holm([test.p_value for test in tests])
    return [test._replace(p_value=p_value) for test, p_value in zip(tests, p_values, strict=True)]


def sentence_counts(hypotheses: Sequence[str], references: Sequence[str]) -> NDArray[np.int64]:
    """What BLEU is made of, a row a sentence: lengths of both, matches and totals of n-grams 1 to 4."""
    metric = make_bleu()
    return np.array(metric._extract_corpus_statistics(one_line(hypotheses), [one_line(references)]), dtype=np.int64)


def sentence_scores(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """Sentence BLEU, smoothed, of as many n-gram orders as the sentence has: sacreBLEU's, as compare-mt ranks by it."""
    metric = make_bleu(effective_order=True)
    pairs = zip(one_line(hypotheses), one_line(references), strict=True)
    return [rounded(metric.sentence_score(hypothesis, [reference]).score) for hypothesis, reference in pairs]


def most_different(best: Sequence[float], other: Sequence[float], *, most: int = 10) -> MostDifferent:
    """The sentences of the widest gaps, from the `sentence_scores` of two systems; of equal gaps the first."""
    gaps = [Gap(number, *scores) for number, scores in enumerate(zip(best, other, strict=True), 1)]
    return MostDifferent(
        sorted((gap for gap in gaps if gap.best > gap.other), key=lambda gap: gap.other - gap.best)[:most],
        sorted((gap for gap in gaps if gap.best < gap.other), key=lambda gap: gap.best - gap.other)[:most],
    )


def corpus_bleu(counts: NDArray[np.int64]) -> float:
    """BLEU of summed counts, as sacreBLEU computes it."""
    return float(make_bleu()._compute_score_from_stats(counts.tolist()).score)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the chance of one false claim among all stays what a single one's is."""
    order, corrected, highest = np.argsort(p_values, kind="stable"), [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        corrected[index] = highest
    return corrected


def check_same(names: Sequence[str], sides: Sequence[Sequence[str]], what: str) -> None:
    """Raise DataError unless all systems have the same sentences of this side, so that they can be compared."""
    prints = [fingerprint(one) for one in sides]
    for name, found in zip(names, prints, strict=True):
        if found != prints[0]:
            raise DataError(
                name,
                f"different {what} (fingerprint {found[:12]}, {names[0]} has {prints[0][:12]})",
                "compare runs on one test set: --source and --reference",
            )


def verdict(names: Sequence[str], scores: Sequence[Score], tests: Sequence[Difference]) -> str:
    """One sentence: what was found and how sure it is. BLEU of each system, and `tests` as `paired_tests` gives them."""
    best, *others = sorted(range(len(names)), key=lambda index: -scores[index].value)
    score = scores[best]
    if not others:
        return f"{names[best]} scores {score.value:.1f} BLEU (95 % interval {score.low:.1f} to {score.high:.1f})."
    second = others[0]
    if score.value == scores[second].value:
        return f"{names[best]} and {names[second]} score the same BLEU, {score.value:.1f}."
    test, gap = tests[second], f"{names[best]} scores {tests[second].delta:.1f} BLEU above {names[second]}"
    interval = f"95 % interval {test.low:.1f} to {test.high:.1f}, p = {test.p_value:.3f}"
    if test.p_value < SIGNIFICANT:
        return f"{gap} ({interval}, paired bootstrap over this test set, one run each)."
    return f"{gap}, but this test set cannot tell them apart ({interval}, paired bootstrap, one run each)."
