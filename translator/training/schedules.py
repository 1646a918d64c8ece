"""Learning-rate schedules: pure functions of the step, all rising in a straight line to `peak` at the end of the warm-up.

Steps count from 1. After the warm-up each falls, or stays, in its own way.
"""

import math
from typing import Protocol


class Schedule(Protocol):
    """The learning rate of a step."""

    def __call__(self, step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
        """Between 0 and `peak`; defined for any step from 1, also past the last one."""
        ...


def warmed(step: int, warmup_steps: int) -> float | None:
    """The share of the peak that a warm-up step has, None after the warm-up."""
    return step / warmup_steps if step < warmup_steps else None


def progress(step: int, warmup_steps: int, total_steps: int) -> float:
    """How much of the time after the warm-up is over, from 0 to 1."""
    return min(1.0, (step - warmup_steps) / max(total_steps - warmup_steps, 1))


def inverse_sqrt(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Peak * sqrt(warmup / step), the decay of Vaswani et al. (2017, eq. 3); without warm-up, from step 1."""
    share = warmed(step, warmup_steps)
    return peak * (math.sqrt(max(warmup_steps, 1) / step) if share is None else share)


def cosine(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Half a cosine wave down to zero at the last step (Loshchilov and Hutter 2017)."""
    share = warmed(step, warmup_steps)
    return peak * ((1 + math.cos(math.pi * progress(step, warmup_steps, total_steps))) / 2 if share is None else share)


def linear(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """A straight line down to zero at the last step."""
    share = warmed(step, warmup_steps)
    return peak * (1 - progress(step, warmup_steps, total_steps) if share is None else share)


def constant(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """The peak, for good."""
    share = warmed(step, warmup_steps)
    return peak * (1.0 if share is None else share)


SCHEDULES: dict[str, Schedule] = {
    "inverse_sqrt": inverse_sqrt,
    "cosine": cosine,
    "linear": linear,
    "constant": constant,
}
