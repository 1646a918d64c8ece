"""Few batch shapes: the sizes that lengths and numbers of sentences are rounded to when an update is recorded once per shape."""

from typing import NamedTuple

LENGTH_MULTIPLE = 4
"""Source and target lengths are rounded up to a multiple of this."""
STEPS_PER_OCTAVE = 8
"""Distinct numbers of rows between n and 2n: at most an eighth of the rows is empty."""


class Shape(NamedTuple):
    """The three sizes of a batch."""

    num_rows: int
    source_length: int
    target_length: int


def rounded_length(length: int) -> int:
    """Return the next multiple of LENGTH_MULTIPLE."""
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def rows_below(num_rows: int) -> int:
    """Return the largest number of rows that occurs, up to `num_rows`."""
    step = _step(num_rows)
    return num_rows // step * step


def rows_above(num_rows: int) -> int:
    """Return the smallest number of rows that occurs, from `num_rows` on."""
    step = _step(num_rows)
    return -(-num_rows // step) * step


def _step(num_rows: int) -> int:
    """The power of two that numbers of rows near `num_rows` are multiples of: STEPS_PER_OCTAVE of them from n to 2n."""
    return 1 << max(num_rows.bit_length() - STEPS_PER_OCTAVE.bit_length(), 0)
