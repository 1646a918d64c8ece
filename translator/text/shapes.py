"""The sizes that lengths and numbers of sentences are rounded to, so that an update is captured for few batch shapes."""

from typing import NamedTuple

LENGTH_MULTIPLE = 4
"""Source and target lengths are rounded up to a multiple of this."""
STEPS_PER_OCTAVE = 8
"""Number of distinct row counts between n and 2n. At most an eighth of the rows is empty."""


class Shape(NamedTuple):
    """The three sizes of a batch."""

    num_rows: int
    source_length: int
    target_length: int


def rounded_length(length: int) -> int:
    """Return the next multiple of LENGTH_MULTIPLE."""
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def rows_below(num_rows: int) -> int:
    """Return `num_rows` rounded down to a row count that is used."""
    step = _step(num_rows)
    return num_rows // step * step


def rows_above(num_rows: int) -> int:
    """Return `num_rows` rounded up to a row count that is used."""
    step = _step(num_rows)
    return -(-num_rows // step) * step


def _step(num_rows: int) -> int:
    """Return the power of two that row counts near `num_rows` are multiples of: STEPS_PER_OCTAVE of them from n to 2n."""
    return 1 << max(num_rows.bit_length() - STEPS_PER_OCTAVE.bit_length(), 0)
