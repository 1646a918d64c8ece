"""Check validation and test sentences: leaked pairs, swapped sides, and what the filters find unusual."""

from typing import NamedTuple

from translator.text.corpus import Block, Corpus
from translator.text.filters import RULES, FilterResult, Finding, PairFilter
from translator.text.lines import find_known, find_known_pairs, hash_lines
from translator.text.sources import CorpusSettings
from translator.text.words import split_words

_SWAP_SAMPLE_LINES = 10_000  # enough to recognise a language by its words
_SWAP_MARGIN = 0.25  # difference between shares of words


def looks_swapped(train: Corpus, other: Corpus) -> bool:
    """Return whether the words of each side of `other` occur mostly on the opposite side of the training pairs."""
    vocabularies = [set(split_words(" ".join(side[:_SWAP_SAMPLE_LINES]))) for side in (train.source, train.target)]
    sides = [split_words(" ".join(side[:_SWAP_SAMPLE_LINES])) for side in (other.source, other.target)]
    # share[i][j]: how many words of side i of `other` occur on side j of the training pairs, as a fraction.
    share = [
        [sum(word in vocabulary for word in side) / max(len(side), 1) for vocabulary in vocabularies] for side in sides
    ]
    return share[0][1] + share[1][0] > share[0][0] + share[1][1] + _SWAP_MARGIN


class HeldOutCheck(NamedTuple):
    """What is unusual about validation or test sentences."""

    findings: list[Finding]
    also_in_training: int  # pairs
    sources_in_training: int


def check_held_out(other: Corpus, settings: CorpusSettings, train: FilterResult, sample: Corpus) -> HeldOutCheck:
    """Check validation or test sentences for unusual text, and for pairs and sources that occur in the training data.

    `sample` holds some of the training pairs. Raises DataError if the sentences are misaligned.
    """
    pair_filter, block = PairFilter(settings, other.places, other.line_of), Block.of(other.source, other.target)
    source = hash_lines(other.source)
    shared = find_known_pairs(source, [other.target, *other.others], train.pair_hashes)
    pair_filter.note("also found in the training pairs", shared, block, 0)
    if looks_swapped(sample, other):
        pair_filter.note("whose source and target look swapped", range(len(other.source)), block, 0)
    pair_filter.filter(block)
    findings = [
        finding for finding in pair_filter.result().findings if finding.is_warning and finding.what not in RULES
    ]
    return HeldOutCheck(findings, len(shared), len(find_known(source, train.source_hashes)))
