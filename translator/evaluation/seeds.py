"""Is one config better than another, or was its seed just lucky? Means over several runs of each."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from translator.evaluation.comparison import NO_DIFFERENCE, SIGNIFICANT, Difference, corrected, paired_bootstrap
from translator.evaluation.metrics import References


class ConfigScore(NamedTuple):
    """The scores of all runs of one config."""

    config: str
    rows: list[int]  # rows of the comparison that are runs of this config
    mean: float  # BLEU
    deviation: float  # standard deviation of BLEU over the runs
    difference: Difference  # from the config with the highest mean, by Welch's t test


class RunPair(NamedTuple):
    """Two runs with the same seed, compared by paired bootstrap over the test set."""

    best: int  # row of the best config's run
    other: int
    test: Difference


class OverSeeds(NamedTuple):
    """Several runs of each config, compared."""

    num_seeds: int
    best: int  # index of the config with the highest mean
    configs: list[ConfigScore]
    pairs: list[RunPair]


def over_seeds(
    configs: Sequence[str],
    scores: Sequence[float],
    *,
    systems: Sequence[Sequence[str]],
    references: References,
    tokenizer: str = "13a",
) -> OverSeeds:
    """Compare each config with the one of the highest mean, with p-values corrected by Holm.

    The runs of a config are adjacent: `scores` and `systems` have all runs of the first config first.
    """
    num_seeds = len(scores) // len(configs)
    rows = [list(range(first, first + num_seeds)) for first in range(0, len(scores), num_seeds)]
    samples = [[scores[row] for row in config_rows] for config_rows in rows]
    means = [statistics.fmean(sample) for sample in samples]
    best = means.index(max(means))
    worse = [index for index in range(len(configs)) if index != best]
    tests = corrected([welch(samples[best], samples[other]) for other in worse])
    tests.insert(best, NO_DIFFERENCE)
    pairs = [pair for other in worse for pair in zip(rows[best], rows[other], strict=True)]
    run_tests = paired_bootstrap(systems, references, pairs, tokenizer=tokenizer)
    deviations = map(statistics.stdev, samples)
    return OverSeeds(
        num_seeds,
        best,
        [ConfigScore(*score) for score in zip(configs, rows, means, deviations, tests, strict=True)],
        [RunPair(*pair, test) for pair, test in zip(pairs, run_tests, strict=True)],
    )


def welch(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Return the difference of two means with its 95 % interval, for samples of unequal variance (Welch 1947).

    If neither sample varies, the interval is a point.
    """
    delta = statistics.fmean(first) - statistics.fmean(second)
    parts = [(statistics.variance(sample) / len(sample), len(sample) - 1) for sample in (first, second)]
    error = math.sqrt(sum(part for part, _ in parts))
    if error == 0:
        return Difference(delta, delta, delta, 0.0 if delta else 1.0)
    # The Welch-Satterthwaite equation.
    freedom = error**4 / sum(part**2 / degrees for part, degrees in parts)
    half = t_quantile(SIGNIFICANT, freedom) * error
    return Difference(delta, delta - half, delta + half, t_tails(abs(delta) / error, freedom))


def t_tails(t: float, freedom: float) -> float:
    """Return the two-sided tail probability of Student's t.

    Substituting t = sqrt(freedom) tan(a) turns the density into cos(a) ** (freedom - 1) on the finite interval from 0 to
    pi/2, which the midpoint rule integrates; the normalising constant cancels.
    """
    middles = (np.arange(5000) + 0.5) / 5000

    def integral(low: float) -> float:
        width = math.pi / 2 - low
        return float(width * np.mean(np.cos(low + width * middles) ** (freedom - 1)))

    return integral(math.atan(t / math.sqrt(freedom))) / integral(0.0)


def t_quantile(tails: float, freedom: float) -> float:
    """Return the t whose two tails have this probability, by bisection over the angle a of `t_tails`."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # enough to halve the interval to the last bit
        middle = (low + high) / 2
        t = math.sqrt(freedom) * math.tan(middle)
        low, high = (middle, high) if t_tails(t, freedom) > tails else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def verdict_over_seeds(result: OverSeeds) -> str:
    """Return in one sentence which config is better and by how much, or that the data cannot tell."""
    best = result.configs[result.best]
    second = max((config for config in result.configs if config is not best), key=lambda config: config.mean)
    test = second.difference
    gap, interval = f"{test.delta:.1f} BLEU", f"95 % interval {test.low:.1f} to {test.high:.1f}"
    how = f"{interval}, {result.num_seeds} seeds each, {test.evidence} by Welch's t test over seeds"
    if test.is_significant:
        return f"{best.config} is better than {second.config} by {gap} ({how})."
    return f"The data do not tell {best.config} and {second.config} apart: {gap} between their means ({how})."
