"""The corpus pair_filter: what one pass over the training pairs lets in, leaves out, counts and finds odd.

Left out, by rule: blank sides, too long ones, lengths that do not fit. Kept but counted: duplicates, identical sides, control
characters (a tab is text like any other), damaged characters. Duplicates and overlaps are found by 64-bit hashes,
so a count may be one too high with a chance of 2^-64 for each two lines.
"""

import re
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError
from translator.text.corpus import Block, Corpus, CorpusSettings, Fingerprint, join_lines
from translator.text.lines import Lines, distinct, find_known, hash_lines, pair_hashes
from translator.text.misalignment import find_misalignment, is_unrelated

CONTROL = "".join(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))
TROUBLES = {
    "with control characters": (CONTROL, re.compile(f"[{re.escape(CONTROL)}]")),
    "with U+FFFD, a character that was lost": ("\ufffd", re.compile("\ufffd")),
    "that look like UTF-8 read as Latin-1": (
        "\u00c2\u00c3\u20ac",
        re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac"),
    ),
}
"""What is odd about a line: characters without which no line of a block needs a look, and what to look for."""
IDENTICAL = "that are the same on both sides"
SUSPICIOUS = 0.1  # share of identical sides
LONGEST_EXAMPLE = 60  # characters
MOST_LINES = 10_000  # that are enough to know a language by its words
SWAPPED_MARGIN = 0.25  # shares of words


class Finding(NamedTuple):
    """Something odd, with the first line that has it."""

    what: str
    num_lines: int
    place: str
    line: int
    example: str
    share: float | None = None  # of the pairs, where that is what matters

    def __str__(self) -> str:
        what = self.what if self.share is None else f"{self.what} ({100 * self.share:.0f} %)"
        lines = "line" if self.num_lines == 1 else "lines"
        return f"{self.num_lines:,} {lines} {what}, the first at {self.place}:{self.line}: {self.example}"

    @property
    def is_warning(self) -> bool:
        """Whether a person must be told; what the counts say already need not be."""
        return self.what not in RULES and (self.share is None or self.share >= SUSPICIOUS)


class Counts(NamedTuple):
    """What was read, left out by each rule, and kept; duplicates and identical sides are counted but kept."""

    read: int
    blank: int
    too_long: int
    ratio: int
    kept: int
    duplicates: int
    identical: int


class FilterResult(NamedTuple):
    """What the pair_filter knows once all pairs went through."""

    counts: Counts
    findings: list[Finding]
    is_kept: NDArray[np.bool_]  # of all pairs read
    pair_hashes: NDArray[np.uint64]  # of the pairs kept, sorted, each once
    source_hashes: NDArray[np.uint64]  # the same of their sources
    fingerprint: str


class PairFilter:
    """Takes pairs block by block, says which may be learned from, and remembers what must be known of them all."""

    def __init__(self, settings: CorpusSettings, places: tuple[str, str]) -> None:
        self.settings, self.places = settings, places
        self.fingerprint = Fingerprint()
        self.findings: dict[str, Finding] = {}
        self.rules: list[NDArray[np.uint8]] = []
        self.sides: tuple[list[Lines], list[Lines]] = ([], [])
        self.num_read = 0

    def filter(self, block: Block) -> Block:
        """The pairs of a block that may be learned from."""
        texts = [join_lines(side) for side in block]
        contents = [text.encode() for text in texts]
        source, target = map(Lines.of_text, texts, contents)
        rules = self.apply_rules(block, source, target)
        for name, rule in RULES.items():
            self.note(name, np.flatnonzero(rules == rule), block)
        self.note(IDENTICAL, np.flatnonzero((source.hash == target.hash) & (rules == 0)), block)
        self.look_for_trouble(block, texts)
        self.fingerprint.update(contents)
        self.rules.append(rules)
        for facts, side in zip((source, target), self.sides, strict=True):
            side.append(facts)
        self.num_read += len(rules)
        if not rules.any():
            return block
        return Block(*(list(compress(side, rules == 0)) for side in block))

    def apply_rules(self, block: Block, source: Lines, target: Lines) -> NDArray[np.uint8]:
        """By which rule each pair is left out; 0 for none."""
        settings = self.settings
        shorter, longer = np.minimum(source.words, target.words), np.maximum(source.words, target.words)
        too_long = longer > settings.max_words
        for index in np.flatnonzero(np.maximum(source.length, target.length) > settings.max_characters):
            too_long[index] |= max(len(block.source[index]), len(block.target[index])) > settings.max_characters
        ratio = (longer > settings.max_ratio * (shorter + 2)) & (settings.max_ratio > 0)
        return np.select([shorter == 0, too_long, ratio], list(RULES.values()), 0).astype(np.uint8)

    def look_for_trouble(self, block: Block, texts: Sequence[str]) -> None:
        """Note lines that hold what text should not hold."""
        for side, (lines, text) in enumerate(zip(block, texts, strict=True)):
            for what, (signs, pattern) in TROUBLES.items():
                if any(sign in text for sign in signs):
                    self.note(what, [index for index, line in enumerate(lines) if pattern.search(line)], block, side)

    def note(
        self, what: str, indices: Sequence[int] | NDArray[np.int64], block: Block, side: int | None = None
    ) -> None:
        """Count these lines of a block; the first line of all is kept as the example."""
        if not len(indices):
            return
        first = int(indices[0])
        if side is None:  # the longer one shows more, but where one is blank it is that
            is_blank = not block.source[first].strip()
            side = int(not is_blank and len(block.target[first]) > len(block.source[first]))
        known = self.findings.get(what)
        place, line, example = self.places[side], self.num_read + first + 1, shown(block[side][first])
        new = known or Finding(what, 0, place, line, example)
        self.findings[what] = new._replace(num_lines=new.num_lines + len(indices))

    def result(self) -> FilterResult:
        """What is known of all pairs."""
        rules = np.concatenate(self.rules)
        source, target = (Lines(*map(np.concatenate, zip(*side, strict=True))) for side in self.sides)
        kept = rules == 0
        hashes = pair_hashes(source.hash[kept], target.hash[kept])
        pairs = distinct(hashes)
        counts = Counts(
            read=len(rules),
            **{name: int(np.count_nonzero(rules == rule)) for name, rule in RULES.items()},
            kept=len(hashes),
            duplicates=len(hashes) - len(pairs),
            identical=int(np.count_nonzero((source.hash == target.hash)[kept])),
        )
        if IDENTICAL in self.findings:
            share = counts.identical / max(counts.kept, 1)
            self.findings[IDENTICAL] = self.findings[IDENTICAL]._replace(share=share)
        self.check_alignment(source, target)
        findings = list(self.findings.values())
        return FilterResult(counts, findings, kept, pairs, distinct(source.hash[kept]), self.fingerprint.hexdigest())

    def check_alignment(self, source: Lines, target: Lines) -> None:
        """Raise DataError, or note it, where line n no longer seems to translate line n."""
        found = find_misalignment(source, target)
        if found is None and is_unrelated(source, target):
            what = "whose lengths have nothing to do with those of the other side, as if one file were shuffled"
            self.findings[what] = Finding(what, len(source.length), self.places[0], 1, "")
        if found is None:
            return
        number = "a line" if abs(found.shift) == 1 else "two lines"
        what = f"seem to be translated {number} {'later' if found.shift > 0 else 'earlier'} on the other side"
        if self.settings.misaligned == "warn":
            self.findings[what] = Finding(f"that {what}", found.num_lines, self.places[0], found.line, "")
            return
        raise DataError(
            f"{self.places[0]}:{found.line}",
            f"from about here on, {found.num_lines:,} lines {what}",
            f"compare with {self.places[1]}, repair the files, or set corpus.misaligned=warn",
        )


RULES = {"blank": 1, "too_long": 2, "ratio": 3}


def shown(line: str) -> str:
    """The line, cut where it is long."""
    return line if len(line) <= LONGEST_EXAMPLE else line[:LONGEST_EXAMPLE] + "..."


def require_pairs(counts: Counts) -> None:
    """Raise DataError where nothing is left to learn from."""
    if not counts.kept:
        why = f"{counts.blank} blank, {counts.too_long} over corpus.max_words, {counts.ratio} over corpus.max_ratio"
        raise DataError(
            "[corpus]", f"0 of {counts.read} training pairs left after cleaning ({why})", "change these settings"
        )


def looks_swapped(train: Corpus, other: Corpus) -> bool:
    """Whether the words of each side of `other` are rather those of the other side of the training pairs."""
    known = [set(" ".join(side[:MOST_LINES]).split()) for side in (train.source, train.target)]
    seen = [" ".join(side[:MOST_LINES]).split() for side in (other.source, other.target)]
    share = [[sum(word in words for word in side) / max(len(side), 1) for words in known] for side in seen]
    return share[0][1] + share[1][0] > share[0][0] + share[1][1] + SWAPPED_MARGIN


class Seen(NamedTuple):
    """What is odd about sentences to be scored on."""

    findings: list[Finding]
    also_in_training: int  # pairs
    sources_in_training: int


def check_held_out(other: Corpus, settings: CorpusSettings, train: FilterResult, sample: Corpus) -> Seen:
    """Look at validation or test sentences, and for them among the training pairs. Raises DataError where they are misaligned."""
    pair_filter, block = PairFilter(settings, other.places), Block(other.source, other.target)
    pair_filter.filter(block)
    pair_filter.num_read = 0
    source, target = (hash_lines(side) for side in block)
    shared = find_known(pair_hashes(source, target), train.pair_hashes)
    pair_filter.note("also in the training pairs", shared, block, 0)
    if looks_swapped(sample, other):
        pair_filter.note("whose sides look exchanged, source for target", range(len(other.source)), block, 0)
    findings = [one for one in pair_filter.result().findings if one.is_warning]
    return Seen(findings, len(shared), len(find_known(source, train.source_hashes)))
