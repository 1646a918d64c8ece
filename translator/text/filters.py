"""Filters of the training pairs: one pass decides which pairs are used, and collects counts and warnings.

Pairs are skipped, and counted by rule, if a side is blank, if a sentence is too long (also for the reader), or if the lengths of
the sides do not match. Kept but counted: duplicates, identical sides, control characters (except tabs) and damaged characters.
Duplicates and overlaps are found by 64-bit hashes, so two different lines count as equal with a probability of 2^-64.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError, abbreviated
from translator.ops.threads import threaded_map
from translator.text.corpus import Block, Fingerprint, Split, next_number
from translator.text.held_out import choose_held_out
from translator.text.languages import script_warning
from translator.text.lines import LineStats, distinct, hash_lines, pair_hashes
from translator.text.misalignment import find_misalignment, is_unrelated
from translator.text.preprocessing import FORMS, MIN_SHARE, find_forms
from translator.text.reader import OVERLONG
from translator.text.sources import CorpusSettings
from translator.text.words import is_unspaced

RULES = {"blank": 1, "too_long": 2, "ratio": 3}
"""Number of each rule that skips pairs; 0 stands for pairs that are kept."""
_RULE_TEXTS = {
    "blank": "skipped because a side is blank",
    "too_long": "skipped as longer than corpus.max_words or corpus.max_characters",
    "ratio": "skipped because their lengths differ by more than corpus.max_ratio",
}

_CONTROL = "".join(map(chr, [*range(1, 9), *range(11, 32), *range(127, 160)]))
_SUSPECT_TEXT = {
    "with control characters": (_CONTROL, re.compile(f"[{re.escape(_CONTROL)}]")),
    "with U+FFFD, the replacement for undecodable bytes": ("\ufffd", re.compile("\ufffd")),
    "with UTF-8 that was decoded as Latin-1": (
        "\u00c2\u00c3\u20ac",
        re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac"),
    ),
}
"""Patterns of suspect lines. Only a block that contains one of the characters is searched line by line."""
_IDENTICAL = "identical on both sides"
_OVERLONG_HASH = hash_lines([OVERLONG])[0]
_SUSPICIOUS_SHARES = {_IDENTICAL: 0.1, **dict.fromkeys(RULES, 0.05), **dict.fromkeys(FORMS, MIN_SHARE)}
"""Shares of the pairs from which these findings are warnings; all others always are."""
_LONG_QUANTILE = 0.999  # of the lengths of the sources
_CALIBRATION_PAIRS = 10_000
_MAX_EXAMPLE_CHARACTERS = 60


class Finding(NamedTuple):
    """Something unusual about some lines of a corpus, with the first of them."""

    what: str
    num_lines: int
    place: str
    line: int
    example: str
    share: float | None = None  # of the pairs, if the finding is a warning only from some share on

    def __str__(self) -> str:
        what = _RULE_TEXTS.get(self.what, self.what)
        if self.share is not None:
            what = f"{what} ({100 * self.share:.0f} %)"
        lines = "line" if self.num_lines == 1 else "lines"
        return f"{self.num_lines:,} {lines} {what}, the first at {self.place}:{self.line}: {self.example}"

    @property
    def is_warning(self) -> bool:
        """Whether to show the finding as a warning. Skipped pairs are counted anyway, so only a large share deserves one."""
        return self.share is None or self.share >= _SUSPICIOUS_SHARES[self.what]


class Counts(NamedTuple):
    """Numbers of pairs read, skipped by each rule, and kept. Pairs kept include duplicates and pairs with identical sides."""

    read: int
    blank: int
    too_long: int
    ratio: int
    kept: int
    duplicates: int
    identical: int
    held_out: int = 0  # for validation and testing, not among the kept


class FilterResult(NamedTuple):
    """What `PairFilter` found out about all pairs."""

    counts: Counts
    findings: list[Finding]
    is_kept: NDArray[np.bool_]  # for each pair read
    pair_hashes: NDArray[np.uint64]  # of the pairs kept, sorted and distinct
    source_hashes: NDArray[np.uint64]  # of their sources, sorted and distinct
    fingerprint: str
    split: NDArray[np.uint8]  # for each pair read: the code of the split that it is held out for; 0 otherwise
    long_source: int  # length in words that 99.9 % of the unskipped sources do not exceed


class PairFilter:
    """Filters pairs block by block. After the last block, `result` returns counts and findings about all pairs."""

    def __init__(
        self, settings: CorpusSettings, places: tuple[str, str], line_of: Callable[[int], int] = next_number
    ) -> None:
        self.settings, self.places, self._line_of = settings, places, line_of
        self._fingerprint = Fingerprint()
        self._findings: dict[str, Finding] = {}
        self._rules: list[NDArray[np.uint8]] = []
        self._stats: list[tuple[LineStats, LineStats]] = []
        self._num_read = 0
        self._target_words = 1.0

    def filter_all(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the pairs of all blocks that may be used for training; the first pairs decide how lengths are compared."""
        blocks, first = iter(blocks), list[Block]()
        while sum(len(block.source) for block in first) < _CALIBRATION_PAIRS and (block := next(blocks, None)):
            first.append(block)
        sample = [list(chain.from_iterable(block[side] for block in first))[:_CALIBRATION_PAIRS] for side in (0, 1)]
        self._target_words = typical_words(*sample)
        languages = self.settings.source_language, self.settings.target_language
        for lines, language, place in zip(sample, languages, self.places, strict=True):
            if lines and (what := script_warning(lines, language)):
                self._findings[what] = Finding(
                    what, len(lines), place, 1, abbreviated(lines[0], _MAX_EXAMPLE_CHARACTERS)
                )
        yield from threaded_map(self.filter, chain(first, blocks), 1)

    def filter(self, block: Block) -> Block:
        """Return the pairs of a block that may be used for training."""
        source, target = map(LineStats.of, block)
        rules = self._apply_rules(block, source, target)
        for name, rule in RULES.items():
            self.note(name, np.flatnonzero(rules == rule), block)
        self.note(_IDENTICAL, np.flatnonzero((source.hash == target.hash) & (rules == 0)), block)
        for side, lines in enumerate(block):
            for what, (characters, pattern) in _SUSPECT_TEXT.items():
                if any(character in lines.text for character in characters):
                    self.note(what, [index for index, line in enumerate(lines) if pattern.search(line)], block, side)
            for form in find_forms(lines, lines.text) if self.settings.preprocessed != "allow" else ():
                self.note(*form, block, side)
        self._fingerprint.update(block)
        self._rules.append(rules)
        self._stats.append((source, target))
        self._num_read += len(rules)
        return block.select(rules == 0)

    def note(
        self, what: str, indices: Sequence[int] | NDArray[np.int64], block: Block, side: int | None = None
    ) -> None:
        """Add lines of the next block to a finding. The first line of all becomes its example."""
        if not len(indices):
            return
        first = int(indices[0])
        if side is None:  # show the longer side, or the blank one
            is_blank = not block.source[first].strip()
            source_length, target_length = (math.inf if side[first] == OVERLONG else len(side[first]) for side in block)
            side = int(not is_blank and target_length > source_length)
        example = abbreviated(block[side][first], _MAX_EXAMPLE_CHARACTERS)
        new = Finding(what, 0, self.places[side], self._line_of(self._num_read + first), example)
        finding = self._findings.get(what, new)
        self._findings[what] = finding._replace(num_lines=finding.num_lines + len(indices))

    def result(self, held_out: Sequence[Split] = ()) -> FilterResult:
        """Return counts and findings, and which pairs to hold out for these splits. May be called once.

        Raises DataError if the sides are misaligned and `corpus.misaligned` is "stop", or if no pairs can be held out.
        """
        rules = np.concatenate(self._rules)
        is_kept, split = rules == 0, np.zeros(len(rules), np.uint8)
        source, target, long_source = self._checked_hashes(rules)
        if held_out and is_kept.any():
            split[is_kept] = choose_held_out(source[is_kept], target[is_kept], held_out, self.places[0])
            is_kept &= split == 0
        hashes = pair_hashes(source[is_kept], target[is_kept])
        pairs = distinct(hashes)
        counts = Counts(
            read=len(rules),
            **{name: int(np.count_nonzero(rules == rule)) for name, rule in RULES.items()},
            kept=len(hashes),
            duplicates=len(hashes) - len(pairs),
            identical=int(np.count_nonzero((source == target)[is_kept])),
            held_out=int(np.count_nonzero(split)),
        )
        findings, sources = list(self._findings.values()), distinct(source[is_kept])
        return FilterResult(
            counts, findings, is_kept, pairs, sources, self._fingerprint.hexdigest(), split, long_source
        )

    def _checked_hashes(self, rules: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64], int]:
        """Complete the findings, and return the hashes of both sides and the length of a long source in words.

        The other statistics are dropped, since they are large.
        """
        totals = {_IDENTICAL: int(np.count_nonzero(rules == 0)), **dict.fromkeys([*RULES, *FORMS], len(rules))}
        for what in totals.keys() & self._findings.keys():
            finding = self._findings[what]
            self._findings[what] = finding._replace(share=min(finding.num_lines / max(totals[what], 1), 1.0))
        self._refuse_preprocessed()
        sides = zip(*self._stats, strict=True)
        source, target = (LineStats(*map(np.concatenate, zip(*side, strict=True))) for side in sides)
        self._stats.clear()
        self._check_alignment(source, target)
        long_source = np.quantile(source.num_words[rules == 0], _LONG_QUANTILE) if (rules == 0).any() else 0
        return source.hash, target.hash, math.ceil(long_source)

    def _apply_rules(self, block: Block, source: LineStats, target: LineStats) -> NDArray[np.uint8]:
        """Return the number of the first rule that skips each pair, or 0."""
        settings = self.settings
        # In units of the side with fewer words, such as words instead of Chinese characters.
        source_length = source.num_words * min(self._target_words, 1)
        target_length = target.num_words / max(self._target_words, 1)
        shorter, longer = np.minimum(source_length, target_length), np.maximum(source_length, target_length)
        too_long = (longer > settings.max_words) | (source.hash == _OVERLONG_HASH) | (target.hash == _OVERLONG_HASH)
        # Characters are counted only in lines whose number of bytes leaves a doubt.
        for index in np.flatnonzero(np.maximum(source.num_bytes, target.num_bytes) > settings.max_characters).tolist():
            too_long[index] |= max(len(block.source[index]), len(block.target[index])) > settings.max_characters
        ratio = (longer > settings.max_ratio * (shorter + 2)) & (settings.max_ratio > 0)
        return np.select([shorter == 0, too_long, ratio], list(RULES.values()), 0).astype(np.uint8)

    def _refuse_preprocessed(self) -> None:
        """Raise DataError for text in another program's form if `corpus.preprocessed` is "refuse"."""
        for what in FORMS.keys() & self._findings.keys() if self.settings.preprocessed == "refuse" else ():
            if (finding := self._findings[what]).is_warning:
                advice = "restore the plain text, or set corpus.preprocessed=warn"
                raise DataError(f"{finding.place}:{finding.line}", str(finding), advice)

    def _check_alignment(self, source: LineStats, target: LineStats) -> None:
        """Note lines that no longer translate each other. Raises DataError if `corpus.misaligned` is "stop"."""
        misalignment = find_misalignment(source, target)
        if misalignment is None:
            if is_unrelated(source, target):
                what = "whose lengths are unrelated to those of the other side, as if one file were shuffled"
                self._findings[what] = Finding(what, len(source.num_bytes), self.places[0], 1, "")
            return
        first, shift, num_lines = misalignment
        line = self._line_of(first - 1)
        distance = "one line" if abs(shift) == 1 else "two lines"
        what = f"seem to be translated {distance} {'later' if shift > 0 else 'earlier'} on the other side"
        if self.settings.misaligned == "stop":
            advice = f"compare with {self.places[1]} and repair the files, or set corpus.misaligned=warn"
            raise DataError(f"{self.places[0]}:{line}", f"about {num_lines:,} lines from here on {what}", advice)
        self._findings[what] = Finding(f"that {what}", num_lines, self.places[0], line, "")


def typical_words(source: Sequence[str], target: Sequence[str]) -> float:
    """Return how many words a target has for each word of its source, if they are letters on a side; otherwise 1.

    A Chinese sentence has about twice as many characters as its translation has words, a Thai one five times as many. The
    median of the corpus makes the two comparable.
    """
    if not (is_unspaced(source) or is_unspaced(target)):
        return 1.0
    source_words, target_words = (LineStats.of(side).num_words for side in (source, target))
    is_filled = (source_words > 0) & (target_words > 0)
    return float(np.median(target_words[is_filled] / source_words[is_filled])) if is_filled.any() else 1.0


def require_pairs(counts: Counts) -> None:
    """Raise DataError if no training pairs are left."""
    if not counts.kept:
        skipped = f"{counts.blank} blank, {counts.too_long} too long, {counts.ratio} over corpus.max_ratio"
        found = f"0 of {counts.read} training pairs left after filtering ({skipped})"
        raise DataError("[corpus]", found, "change these settings")
