"""Is one config better than another, or only its seed luckier? Means over several trainings of each."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from translator.evaluation.comparison import NO_DIFFERENCE, SIGNIFICANT, Difference, corrected, pair_tests


class ConfigScore(NamedTuple):
    """What the runs of one config score together."""

    config: str
    rows: list[int]  # which rows of the comparison are its runs
    mean: float  # BLEU
    deviation: float  # of a run from the mean: the standard deviation of the sample
    difference: Difference  # from the config of highest mean, by Welch's t test


class RunPair(NamedTuple):
    """Two runs of the same seed, by paired bootstrap over the test set."""

    best: int  # row of the run of the best config
    other: int
    test: Difference


class OverSeeds(NamedTuple):
    """What several trainings of each config say together."""

    num_seeds: int
    best: int  # which of the configs has the highest mean
    configs: list[ConfigScore]
    pairs: list[RunPair]


def over_seeds(
    configs: Sequence[str],
    scores: Sequence[float],
    *,
    systems: Sequence[Sequence[str]],
    references: Sequence[str],
) -> OverSeeds:
    """Each config against the one of highest mean, p-values corrected by Holm. The runs of a config follow each other."""
    num_seeds = len(scores) // len(configs)
    rows = [list(range(first, first + num_seeds)) for first in range(0, len(scores), num_seeds)]
    samples = [[scores[row] for row in one] for one in rows]
    means = [statistics.fmean(sample) for sample in samples]
    best = means.index(max(means))
    others = [index for index in range(len(configs)) if index != best]
    tests = corrected([welch(samples[best], samples[other]) for other in others])
    tests.insert(best, NO_DIFFERENCE)
    pairs = [pair for other in others for pair in zip(rows[best], rows[other], strict=True)]
    return OverSeeds(
        num_seeds,
        best,
        [ConfigScore(*one) for one in zip(configs, rows, means, map(statistics.stdev, samples), tests, strict=True)],
        [RunPair(*pair, test) for pair, test in zip(pairs, pair_tests(systems, references, pairs), strict=True)],
    )


def welch(one: Sequence[float], other: Sequence[float]) -> Difference:
    """The difference of two means with its 95 % interval, of samples that may spread unequally (Welch 1947).

    Samples without any spread leave nothing to doubt: the interval is a point.
    """
    delta = statistics.fmean(one) - statistics.fmean(other)
    parts = [(statistics.variance(sample) / len(sample), len(sample) - 1) for sample in (one, other)]
    error = math.sqrt(sum(part for part, _ in parts))
    if error == 0:
        return Difference(delta, delta, delta, 0.0 if delta else 1.0)
    freedom = error**4 / sum(part**2 / degrees for part, degrees in parts)
    half = t_quantile(SIGNIFICANT, freedom) * error
    return Difference(delta, delta - half, delta + half, t_tails(abs(delta) / error, freedom))


def t_tails(t: float, freedom: float) -> float:
    """How probable it is that Student's t lies further from zero than this, on either side.

    With t = sqrt(freedom) tan(a) its density is that of cos(a) ** (freedom - 1), which is summed in thin slices.
    """
    middles = (np.arange(5000) + 0.5) / 5000

    def integral(low: float) -> float:
        width = math.pi / 2 - low
        return float(width * np.mean(np.cos(low + width * middles) ** (freedom - 1)))

    return integral(math.atan(t / math.sqrt(freedom))) / integral(0.0)


def t_quantile(tails: float, freedom: float) -> float:
    """The t beyond which, on either side, lies this much probability."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        t = math.sqrt(freedom) * math.tan(middle)
        low, high = (middle, high) if t_tails(t, freedom) > tails else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def verdict_over_seeds(found: OverSeeds) -> str:
    """One sentence: which config is better, by how much, or that the data do not tell."""
    best = found.configs[found.best]
    second = max((one for one in found.configs if one is not best), key=lambda one: one.mean)
    low, high, p_value = second.difference[1:]
    how = f"95 % interval {low:.1f} to {high:.1f}, {found.num_seeds} seeds each, p = {p_value:.3f} by Welch's t test over seeds"
    if p_value < SIGNIFICANT:
        return f"{best.config} is better than {second.config} by {second.difference.delta:.1f} BLEU ({how})."
    return (
        f"The data do not tell {best.config} and {second.config} apart: "
        f"{second.difference.delta:.1f} BLEU between their means ({how})."
    )
