"""Learning-rate schedules: the share of the peak rate at any step after the warm-up, also past the last step.

Steps count from 1. `TrainingSettings.learning_rate_at` adds the linear warm-up.
"""

import math
from collections.abc import Callable


def inverse_sqrt(step: int, warmup_steps: int, total_steps: int) -> float:
    """sqrt(warmup / step), the decay of Vaswani et al. (2017, eq. 3); without warm-up, from step 1."""
    return math.sqrt(max(warmup_steps, 1) / step)


def cosine(step: int, warmup_steps: int, total_steps: int) -> float:
    """Half a cosine wave down to zero at the last step (Loshchilov and Hutter 2017)."""
    return (1 + math.cos(math.pi * progress(step, warmup_steps, total_steps))) / 2


def linear(step: int, warmup_steps: int, total_steps: int) -> float:
    """A straight line down to zero at the last step."""
    return 1 - progress(step, warmup_steps, total_steps)


def constant(step: int, warmup_steps: int, total_steps: int) -> float:
    """The peak, for good."""
    return 1.0


def progress(step: int, warmup_steps: int, total_steps: int) -> float:
    """How much of the time after the warm-up is over, from 0 to 1."""
    return min(1.0, (step - warmup_steps) / max(total_steps - warmup_steps, 1))


SCHEDULES: dict[str, Callable[[int, int, int], float]] = {
    "inverse_sqrt": inverse_sqrt,
    "cosine": cosine,
    "linear": linear,
    "constant": constant,
}
