"""How well a system translates words that were never, once, rarely or often seen in training (compare-mt, Neubig et al. 2019)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from translator.evaluation.metrics import References
from translator.text.words import words

GROUPS = {"unseen words": 0, "words seen once": 1, "words seen 2-9 times": 2, "words seen 10+ times": 10}
"""Each group with its smallest number of occurrences in training, rare words first."""


class WordScore(NamedTuple):
    """How well the words of one group are translated."""

    name: str
    num_words: int  # in the references
    f1: float | None  # in percent; None if the references have no such word


def by_frequency(hypotheses: Sequence[str], references: References, seen: Mapping[str, int]) -> list[WordScore]:
    """Return the F1 of target words, grouped by how often they occur in training (`seen`).

        F1 = 2 correct / (words of the hypotheses + words of the references)

    A word is correct if the reference of the same sentence contains it, at most as often as there. Each word is in
    exactly one group. Of several references of a sentence, the one with the highest F1 of all words counts, as in the
    evaluation of question answering (Rajpurkar et al. 2016).
    """
    ours, theirs, correct = Counter[str](), Counter[str](), Counter[str]()
    for hypothesis, several in zip(hypotheses, zip(*references, strict=True), strict=True):
        hypothesis_counts = Counter(words(hypothesis))
        reference_counts = max((Counter(words(line)) for line in several), key=partial(_f1, hypothesis_counts))
        common_counts = hypothesis_counts & reference_counts
        for counts, total in ((hypothesis_counts, ours), (reference_counts, theirs), (common_counts, correct)):
            for word, count in counts.items():
                # The last group whose minimum is reached.
                *_, group = (name for name, minimum in GROUPS.items() if seen.get(word, 0) >= minimum)
                total[group] += count
    scores = {name: 200 * correct[name] / (ours[name] + theirs[name]) for name in GROUPS if theirs[name]}
    return [WordScore(name, theirs[name], scores.get(name)) for name in GROUPS]


def _f1(ours: Counter[str], theirs: Counter[str]) -> float:
    return 2 * (ours & theirs).total() / max(ours.total() + theirs.total(), 1)
