"""How well words are translated that training saw never, once, rarely or often (compare-mt, Neubig et al. 2019)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from translator.text.words import words

GROUPS = {"unseen words": 0, "words seen once": 1, "words seen 2-9 times": 2, "words seen 10+ times": 10}
"""The groups, rare words first, with the least number of times that training saw such a word."""


class WordScore(NamedTuple):
    """How well the words of one group are found."""

    name: str
    num_words: int  # in the references
    f1: float | None  # in percent; None where there are none


def by_frequency(hypotheses: Sequence[str], references: Sequence[str], seen: Mapping[str, int]) -> list[WordScore]:
    """F1 of the words of the references, grouped by how often training saw them as a target word.

    A word of a hypothesis is right where the reference of its sentence has it, at most as often as it does;

        F1 = 2 right / (words of the hypotheses + words of the references)

    over the words of the group, so that neither leaving words out nor adding some pays. Every word is in one group.
    """
    ours, theirs, right = Counter[str](), Counter[str](), Counter[str]()
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        found, wanted = Counter(words(hypothesis)), Counter(words(reference))
        for counts, total in ((found, ours), (wanted, theirs), (found & wanted, right)):
            for word, count in counts.items():
                total[group_of(seen.get(word, 0))] += count
    return [
        WordScore(name, theirs[name], 200 * right[name] / (ours[name] + theirs[name]) if theirs[name] else None)
        for name in GROUPS
    ]


def group_of(count: int) -> str:
    """The group of a word that was seen so often."""
    return [name for name, least in GROUPS.items() if count >= least][-1]
