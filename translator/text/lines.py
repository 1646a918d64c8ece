"""Statistics and hashes of many lines at once, computed by NumPy without a Python loop over the lines."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from translator.text.corpus import Lines
from translator.text.words import spaced_lines

_DIGIT_HASHES = np.array([73_471, 140_989, 211_681, 283_807, 352_069, 425_603, 494_407, 567_143, 638_353, 709_997])
"""Numbers whose sums tell which digits a line has."""
_PAIR_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a pair and the same pair swapped have different hashes


class LineStats(NamedTuple):
    """Statistics of some lines, with one entry per line."""

    num_words: NDArray[np.int32]  # as many as `split_words` returns
    num_bytes: NDArray[np.int32]  # in UTF-8
    mark: NDArray[np.int32]  # which digits, in any order, and final punctuation: a translation often keeps both
    hash: NDArray[np.uint64]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "LineStats":
        """Return the statistics of the lines."""
        lines = Lines.of(lines)
        num_bytes = (np.diff(lines.bounds) - 1).astype(np.int32)
        return cls(_count_words(spaced_lines(lines)), num_bytes, _marks(lines), hash_lines(lines))


def _count_words(lines: Lines) -> NDArray[np.int32]:
    """Return the number of words of each line, given lines with spaces between all words."""
    data = np.frombuffer(lines.content, np.uint8)
    # The ASCII characters that `str.split` cuts at: 9 to 13 and 28 to 32. Smaller bytes wrap around to large numbers.
    is_space = (data - 9 < 5) | (data - 28 < 5)
    # A word starts wherever another character follows a space or line feed. reduceat counts these places line by line.
    is_start = ~is_space
    is_start[1:] &= is_space[:-1]
    return np.add.reduceat(is_start, lines.bounds[:-1], dtype=np.int32)


def _marks(lines: Lines) -> NDArray[np.int32]:
    """Return, for each line, 256 times the sum of its hashed digits, plus its last byte if that is punctuation."""
    data = np.frombuffer(lines.content, np.uint8)
    places = np.flatnonzero(data - ord("0") < 10)  # bytes below "0" wrap around to large numbers
    line = np.searchsorted(lines.bounds, places, side="right") - 1
    sums = np.bincount(line, _DIGIT_HASHES[data[places] - ord("0")], minlength=len(lines))
    last = data[lines.bounds[1:] - 2].astype(np.int32)  # before the line feed; of an empty line, another line feed
    is_punctuation = (last > ord(" ")) & (last < ord("A")) & ~((last >= ord("0")) & (last <= ord("9")))
    return (sums % 2**22).astype(np.int32) * 256 + np.where(is_punctuation, last, 0)


def hash_lines(lines: Sequence[str]) -> NDArray[np.uint64]:
    """Return the XXH3 hash of each line.

    Two different lines have the same hash with a probability of 2^-64, but collisions can be constructed on purpose.
    """
    contents = Lines.of(lines).content.split(b"\n")
    contents.pop()  # what follows the last line feed is empty
    return np.fromiter(map(xxh3_64_intdigest, contents), np.uint64, len(contents))


def pair_hashes(source: NDArray[np.uint64], target: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Combine the hashes of both sides into one hash per pair."""
    return source * _PAIR_FACTOR + target


def distinct(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return each hash once, sorted. For millions of hashes, sorting is faster than np.unique."""
    ordered = np.sort(hashes)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def find_known_pairs(
    source: NDArray[np.uint64], references: Iterable[Sequence[str]], known: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Return the indices of the sources that occur with any of their references in `known`, which must be sorted."""
    found = [find_known(pair_hashes(source, hash_lines(lines)), known) for lines in references]
    return np.unique(np.concatenate(found))


def find_known(hashes: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the indices of the hashes that occur in `known`, which must be sorted."""
    if not len(known):
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.flatnonzero(known[place] == hashes)
