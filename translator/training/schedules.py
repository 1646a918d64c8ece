"""Learning-rate schedules: the share of the peak rate at any step after the warm-up, also past the last step.

Steps count from 1. `TrainingSettings.learning_rate_at` adds the linear warm-up.
"""

import math
from collections.abc import Callable


def inverse_sqrt(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return sqrt(warmup / step), the decay of Vaswani et al. (2017, eq. 3); without warm-up, from step 1."""
    return math.sqrt(max(warmup_steps, 1) / step)


def cosine(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return half a cosine wave that reaches zero at the last step (Loshchilov and Hutter 2017)."""
    return (1 + math.cos(math.pi * _share_done(step, warmup_steps, total_steps))) / 2


def linear(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return a straight line that reaches zero at the last step."""
    return 1 - _share_done(step, warmup_steps, total_steps)


def constant(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return 1: the rate stays at its peak."""
    return 1.0


def _share_done(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return the share of the steps after the warm-up that are done."""
    return min(1.0, (step - warmup_steps) / max(total_steps - warmup_steps, 1))


SCHEDULES: dict[str, Callable[[int, int, int], float]] = {
    "inverse_sqrt": inverse_sqrt,
    "cosine": cosine,
    "linear": linear,
    "constant": constant,
}
