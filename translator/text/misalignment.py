"""Finds where the lines of two files begin to stand beside each other's neighbours: one was lost, and nobody noticed.

Lengths of translations go together, and so do their digits and last signs. A pair speaks for a shift by as much as its
source fits the shifted target better than its own; where many pairs in a row do, the alignment is lost.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.text.lines import Lines

SHIFTS = (1, -1, 2, -2)
FEWEST_LINES, FEWEST_TO_COMPARE = 20, 100
STRETCH = 100  # lines over which a correlation is measured
CERTAIN = 20.0  # nats of evidence, beside one for each e-fold of lines that could be wrong by chance
MOST_PER_PAIR = 4.0  # nats, so that no odd pair decides


class Misalignment(NamedTuple):
    """Source line `line` and those after it seem to be translated `shift` lines later in the target."""

    line: int  # from 1, or a little before or after it
    shift: int
    num_lines: int  # how many in a row


def find_misalignment(source: Lines, target: Lines) -> Misalignment | None:
    """The strongest stretch of shifted lines, if it is beyond doubt."""
    count = len(source.length)
    if count < FEWEST_LINES:
        return None
    x, y = standard_lengths(source), standard_lengths(target)
    correlation = min(typical(x * shifted(y, shift) for shift in (0, *SHIFTS)), 0.9)
    agreement = typical((source.mark == shifted(target.mark, shift)).astype(np.float32) for shift in (0, *SHIFTS))
    chance = float((source.mark == np.roll(target.mark, count // 2)).mean())
    agree, disagree = sign_weights(agreement, chance)
    found = []
    for shift in SHIFTS:
        other = shifted(y, shift)
        evidence = correlation * (2 * x * (other - y) - correlation * (other**2 - y**2)) / (2 * (1 - correlation**2))
        evidence += np.where(source.mark == shifted(target.mark, shift), agree, disagree)
        evidence -= np.where(source.mark == target.mark, agree, disagree)
        found.append((*best_stretch(np.clip(evidence, -MOST_PER_PAIR, MOST_PER_PAIR)), shift))
    total, first, last, shift = max(found)
    if total < CERTAIN + np.log(count):
        return None
    return Misalignment(first + 1, shift, last - first)


def is_unrelated(source: Lines, target: Lines) -> bool:
    """Whether the lengths of both sides go together no more than by chance, as where one file was shuffled or is another's.

    The sum of their products is then below three of its standard deviations, but for one shuffled file in a thousand.
    """
    products = standard_lengths(source) * standard_lengths(target)
    deviation = float(np.sqrt((products**2).sum()))
    return len(products) >= FEWEST_TO_COMPARE and deviation > 0 and float(products.sum()) < 3 * deviation


def standard_lengths(lines: Lines) -> NDArray[np.float32]:
    """Logarithms of the lengths, with mean 0 and variance 1; what is far out is brought in."""
    logs = np.log1p(lines.length.astype(np.float32))
    scaled: NDArray[np.float32] = (logs - logs.mean()) / max(float(logs.std()), 1e-6)
    return scaled.clip(-2.5, 2.5)


def shifted(values: NDArray[Any], shift: int) -> NDArray[Any]:
    """values[i + shift] at i; beyond the ends the last ones there are."""
    return values[np.clip(np.arange(len(values)) + shift, 0, len(values) - 1)]


def typical(products: Iterable[NDArray[np.float32]]) -> float:
    """The mean over a stretch of whichever product is highest there, in the median stretch."""
    means = []
    for product in products:
        starts = np.arange(0, len(product), STRETCH)
        means.append(np.add.reduceat(product, starts) / np.diff(starts, append=len(product)))
    return float(np.median(np.max(means, axis=0)))


def sign_weights(agreement: float, chance: float) -> tuple[float, float]:
    """Evidence for being translations, in nats, of marks that agree and of marks that do not."""
    true, false = np.clip((agreement, chance), 0.02, 0.98)
    return (float(np.log(true / false)), float(np.log((1 - true) / (1 - false)))) if true > false else (0.0, 0.0)


def best_stretch(evidence: NDArray[np.float32]) -> tuple[float, int, int]:
    """(sum, first, after the last) of the consecutive lines with the highest sum."""
    total = np.concatenate([[0.0], np.cumsum(evidence, dtype=np.float64)])
    rise = total - np.minimum.accumulate(total)
    last = int(rise.argmax())
    return float(rise[last]), int(total[: last + 1].argmin()), last
