"""Is one config better than another, or only its seed luckier? Means over several trainings of each."""

from typing import NamedTuple

from translator.evaluation.comparison import Difference


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
