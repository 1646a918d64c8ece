"""Detect a corpus whose sides are shifted against each other because a line was lost or added in one file.

Translations of each other have correlated lengths, and often the same digits and final punctuation. A stretch of lines is
shifted if its sources fit the target lines at the shift much better than the lines beside them and than any line of the corpus.

Correct corpora may have lengths and marks that say nothing, such as dates. So everything is compared with chance: the same
figures for distances at which no line can be translated. Lengths and marks are evidence only if they agree more often than
by chance, and a shift is reported only if no such distance explains the lines almost as well.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from translator.text.lines import LineStats

_Floats: TypeAlias = NDArray[np.float32]
_Lines: TypeAlias = NDArray[np.int64]

_SHIFTS = (1, -1, 2, -2)
_MIN_LINES = 50  # for find_misalignment
_MIN_EVIDENCE = 12.0  # nats; log(number of lines) is added, since any of the lines could be shifted by chance
_MIN_MARGIN = 8.0  # nats by which a shift must explain its lines better than no shift
_MIN_GAIN, _MIN_BETTER = 0.5, 5  # nats, and lines that must fit better by that, so that a few odd lines do not decide
_OVER_CHANCE = 1.1  # factor by which the evidence for a shift must exceed that for any distance of chance
_WORTH_OVER_CHANCE = 1.25  # the same for the correlation of lengths
_MIN_CORRELATION, _MIN_AGREEMENT = 0.25, 0.05  # of lengths; of marks, above chance
_MAX_EVIDENCE_PER_PAIR = 4.0  # nats, so that a single odd pair does not decide
_NUM_FAR = 50  # distances of chance
_NEIGHBOURS = [sign * distance for distance in range(3, 13) for sign in (1, -1)]
_STRETCH, _MAX_STRETCHES = 100, 100  # lines over which agreement is measured, and how many stretches are sampled

_MIN_LINES_UNRELATED = 100  # for is_unrelated
_MIN_LENGTHS = 55  # distinct pairs of lengths in words
_SAMPLE_UNRELATED = 10_000


class Misalignment(NamedTuple):
    """From source line `line` on, the translation seems to be `shift` lines later in the target."""

    line: int  # counted from 1, accurate to a few lines
    shift: int
    num_lines: int  # length of the shifted stretch


class _Evidence(NamedTuple):
    """What a target line at some distance says about being the translation of a source line."""

    source: LineStats
    target: LineStats
    x: _Floats  # standardised lengths
    y: _Floats
    correlation: float = 0.0
    agree: float = 0.0  # nats if the marks agree, and if they do not
    disagree: float = 0.0

    def of(self, distance: int) -> _Floats:
        """Return log p(target at this distance | source) / p(target) of each line, in nats."""
        y, c = np.roll(self.y, -distance), self.correlation
        # Lengths are normally distributed with this correlation.
        lengths = (2 * c * self.x * y - c**2 * (self.x**2 + y**2)) / (2 * (1 - c**2)) - np.log(1 - c**2) / 2
        is_equal = self.source.mark == np.roll(self.target.mark, -distance)
        evidence: _Floats = (lengths + np.where(is_equal, self.agree, self.disagree)).astype(np.float32)
        return evidence


def find_misalignment(source: LineStats, target: LineStats) -> Misalignment | None:
    """Return the stretch of shifted lines with the strongest evidence, or None if the evidence is too weak."""
    count = len(source.num_bytes)
    if count < _MIN_LINES:
        return None
    far = _far_distances(count)
    evidence = _measure(source, target, far)
    unshifted = evidence.of(0)
    is_new = np.zeros(count, np.bool_)  # a repeated line is no further evidence
    is_new[np.unique(source.hash, return_index=True)[1]] = True

    def gains(distance: int) -> tuple[_Floats, _Floats]:
        """Return how much better the lines at a distance fit than those beside the source, and that plus their own fit."""
        shifted = evidence.of(distance)
        limit = _MAX_EVIDENCE_PER_PAIR
        gain = is_new * (shifted - unshifted).clip(-limit, limit)
        return gain, gain + is_new * shifted.clip(-limit, limit)

    total, first, last, shift = max((*_best_stretch(gains(shift)[1]), shift) for shift in _SHIFTS)
    if total < _MIN_EVIDENCE + np.log(count):
        return None
    gain = gains(shift)[0][first:last]
    margin, begin, end = _best_stretch(gain)
    chance = max(
        *(_best_stretch(gains(distance)[1])[0] for distance in far[:20]),
        *(_best_stretch(gains(distance)[1][first:last])[0] for distance in _NEIGHBOURS),
    )
    num_better = np.count_nonzero(gain[begin:end] > _MIN_GAIN)
    if margin < _MIN_MARGIN or num_better < _MIN_BETTER or total < _OVER_CHANCE * chance:
        return None
    return Misalignment(first + begin + 1, shift, end - begin)


def _far_distances(count: int) -> list[int]:
    """Return distances between a fifth and four fifths of the corpus, spread by the golden ratio."""
    # Multiples of the golden ratio never cluster.
    return [int(count * (0.2 + 0.6 * (0.618034 * number % 1))) for number in range(1, _NUM_FAR + 1)]


def _measure(source: LineStats, target: LineStats, far: Sequence[int]) -> _Evidence:
    """Return the evidence with its worth: nothing for lengths or marks that agree no better than by chance."""
    x, y, count = _standardised(source.num_bytes), _standardised(target.num_bytes), len(source.num_bytes)
    length = min(_STRETCH, count)
    starts = np.linspace(0, count - length, min(-(-count // length), _MAX_STRETCHES)).astype(np.int64)
    lines = starts[:, None] + np.arange(length)

    def typical(agreement: Callable[[_Lines, _Lines], NDArray[np.generic]], distances: Sequence[int]) -> float:
        """Return the median over stretches of the highest mean agreement at any of the distances."""
        means = [agreement(lines, (lines + distance) % count).mean(1) for distance in distances]
        return float(np.median(np.max(means, axis=0)))

    def compare(agreement: Callable[[_Lines, _Lines], NDArray[np.generic]]) -> tuple[float, float]:
        """Return the agreement at the shifts, and by chance at as many distances."""
        near = (0, *_SHIFTS)
        groups = [far[first : first + len(near)] for first in range(0, len(far), len(near))]
        return typical(agreement, near), max(typical(agreement, group) for group in groups)

    evidence = _Evidence(source, target, x, y)
    correlation, chance = compare(lambda i, j: x[i] * y[j])
    if correlation > max(_MIN_CORRELATION, _WORTH_OVER_CHANCE * chance):
        evidence = evidence._replace(correlation=min(correlation, 0.9))
    true, false = np.clip(compare(lambda i, j: source.mark[i] == target.mark[j]), 0.02, 0.98)
    # Where no line has the marks of the line beside it, they are not kept: lines in order of n, translated by n + 1.
    beside = float((source.mark == target.mark).mean())
    if min(true, beside) > false + _MIN_AGREEMENT:
        agree, disagree = np.log(true / false), np.log((1 - true) / (1 - false))
        evidence = evidence._replace(agree=float(agree), disagree=float(disagree))
    return evidence


def is_unrelated(source: LineStats, target: LineStats) -> bool:
    """Return whether the lengths of both sides are uncorrelated, as if one file was shuffled or belongs to another corpus.

    The test is whether the sum of the products of the lengths is below three standard deviations. About one shuffled file
    in a thousand is missed. Marks that agree more often than by chance speak against it, and so do repeated lengths, as in
    dates or templates: each pair of lengths counts once.
    """
    count = len(source.num_bytes)
    if count < _MIN_LINES_UNRELATED:
        return False
    agreement, *chance = ((source.mark == np.roll(target.mark, far)).mean() for far in (0, *_far_distances(count)))
    pairs = np.stack([source.num_words, target.num_words])[:, :_SAMPLE_UNRELATED]
    distinct = np.unique(pairs, axis=1)
    products = _standardised(distinct[0]) * _standardised(distinct[1])
    deviation = float(np.sqrt((products**2).sum()))
    is_natural = agreement < max(chance) + _MIN_AGREEMENT and distinct.shape[1] >= _MIN_LENGTHS and deviation > 0
    return is_natural and float(products.sum()) < 3 * deviation


def _standardised(lengths: NDArray[np.int32]) -> _Floats:
    """Return the logarithms, scaled to mean 0 and variance 1, with outliers clipped; all zero if they hardly vary."""
    logs = np.log1p(lengths.astype(np.float32))
    deviation = float(logs.std())
    if deviation < 1e-3:
        return np.zeros_like(logs)
    scaled: _Floats = (logs - logs.mean()) / deviation
    return scaled.clip(-2.5, 2.5)


def _best_stretch(evidence: _Floats) -> tuple[float, int, int]:
    """Return (sum, first, last + 1) of the consecutive lines with the highest sum."""
    total = np.concatenate([[0.0], np.cumsum(evidence, dtype=np.float64)])
    # Kadane's algorithm: the largest rise of the running sum.
    rise = total - np.minimum.accumulate(total)
    last = int(rise.argmax())
    return float(rise[last]), int(total[: last + 1].argmin()), last
