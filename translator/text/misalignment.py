"""Detect a corpus whose sides are shifted against each other because a line was lost or added in one file.

Translations of each other have correlated lengths, and often the same digits and final punctuation. For every pair and shift,
the evidence is how much better the source fits the target line at the shift than the target line beside it. Many consecutive
pairs with evidence for the same shift mean that the alignment is lost.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.text.lines import LineStats

_SHIFTS = (1, -1, 2, -2)
_MIN_LINES = 20  # for find_misalignment
_MIN_LINES_UNRELATED = 100  # for is_unrelated
_STRETCH = 100  # lines over which a correlation is measured
_MIN_EVIDENCE = 20.0  # nats; log(number of lines) is added, since any of the lines could be shifted by chance
_MAX_EVIDENCE_PER_PAIR = 4.0  # nats, so that a single odd pair does not decide


class Misalignment(NamedTuple):
    """From source line `line` on, the translation seems to be `shift` lines later in the target."""

    line: int  # counted from 1, accurate to a few lines
    shift: int
    num_lines: int  # length of the shifted stretch


def find_misalignment(source: LineStats, target: LineStats) -> Misalignment | None:
    """Return the stretch of shifted lines with the strongest evidence, or None if the evidence is too weak."""
    count = len(source.num_bytes)
    if count < _MIN_LINES:
        return None
    x, y = _standard_lengths(source), _standard_lengths(target)
    correlation = min(_typical(x * _shifted(y, shift) for shift in (0, *_SHIFTS)), 0.9)
    agreement = _typical((source.mark == _shifted(target.mark, shift)).astype(np.float32) for shift in (0, *_SHIFTS))
    chance = float((source.mark == np.roll(target.mark, count // 2)).mean())
    # The evidence, in nats, for two lines being translations if their marks agree, and if they do not.
    true, false = np.clip((agreement, chance), 0.02, 0.98)
    agree = float(np.log(true / false)) if true > false else 0.0
    disagree = float(np.log((1 - true) / (1 - false))) if true > false else 0.0
    stretches = []
    for shift in _SHIFTS:
        shifted_y = _shifted(y, shift)
        # log p(x | shifted_y) - log p(x | y) for standard normal lengths with this correlation
        gain = 2 * x * (shifted_y - y) - correlation * (shifted_y**2 - y**2)
        evidence = correlation * gain / (2 * (1 - correlation**2))
        evidence += np.where(source.mark == _shifted(target.mark, shift), agree, disagree)
        evidence -= np.where(source.mark == target.mark, agree, disagree)
        stretches.append((*_best_stretch(evidence.clip(-_MAX_EVIDENCE_PER_PAIR, _MAX_EVIDENCE_PER_PAIR)), shift))
    total, first, last, shift = max(stretches)
    if total < _MIN_EVIDENCE + np.log(count):
        return None
    return Misalignment(first + 1, shift, last - first)


def is_unrelated(source: LineStats, target: LineStats) -> bool:
    """Return whether the lengths of both sides are uncorrelated, as if one file was shuffled or belongs to another corpus.

    The test is whether the sum of the products of the lengths is below three standard deviations. About one shuffled file
    in a thousand is missed.
    """
    products = _standard_lengths(source) * _standard_lengths(target)
    deviation = float(np.sqrt((products**2).sum()))
    return len(products) >= _MIN_LINES_UNRELATED and deviation > 0 and float(products.sum()) < 3 * deviation


def _standard_lengths(lines: LineStats) -> NDArray[np.float32]:
    """Return the logarithms of the lengths, scaled to mean 0 and variance 1, with outliers clipped."""
    logs = np.log1p(lines.num_bytes.astype(np.float32))
    scaled: NDArray[np.float32] = (logs - logs.mean()) / max(float(logs.std()), 1e-6)
    return scaled.clip(-2.5, 2.5)


def _shifted(values: NDArray[Any], shift: int) -> NDArray[Any]:
    """Return values[i + shift] at index i. The ends are repeated."""
    return values[np.clip(np.arange(len(values)) + shift, 0, len(values) - 1)]


def _typical(products: Iterable[NDArray[np.float32]]) -> float:
    """Return the median over stretches of the highest mean that any of the products has in the stretch."""
    means = []
    for product in products:
        starts = np.arange(0, len(product), _STRETCH)
        means.append(np.add.reduceat(product, starts) / np.diff(starts, append=len(product)))
    return float(np.median(np.max(means, axis=0)))


def _best_stretch(evidence: NDArray[np.float32]) -> tuple[float, int, int]:
    """Return (sum, first, last + 1) of the consecutive lines with the highest sum."""
    total = np.concatenate([[0.0], np.cumsum(evidence, dtype=np.float64)])
    rise = total - np.minimum.accumulate(total)
    last = int(rise.argmax())
    return float(rise[last]), int(total[: last + 1].argmin()), last
