"""Hold training pairs out for validation and testing, decided by hashes of the text: the same on every machine and in any order.

Pairs with the same source or target stay in one split. Where such repetitions link too many pairs, these are trained on.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError
from translator.text.corpus import Split
from translator.text.lines import pair_hashes

CODES: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}
"""The number of each split in the result of `choose_held_out`."""

_SEED = np.uint64(0xD1B54A32D192ED03)  # so that the order has nothing to do with that of other uses of the hashes
_MIN_PAIRS = 10
_FEW_PAIRS = 1000
_MIN_SIZE, _MAX_SIZE = 50, 2000
_ADVICE = "give validation pairs of your own, such as --set corpus.validation=valid, or more training pairs"


def held_out_size(num_pairs: int) -> int:
    """Return how many pairs each split gets: 5 %, at least 50 and at most 2,000; of fewer than 1,000 pairs, 10 %."""
    if num_pairs < _FEW_PAIRS:
        return max(num_pairs // 10, 1)
    return min(max(num_pairs // 20, _MIN_SIZE), _MAX_SIZE)


def choose_held_out(
    source: NDArray[np.uint64], target: NDArray[np.uint64], splits: Sequence[Split], place: str
) -> NDArray[np.uint8]:
    """Return the code of the split of each pair, given the hashes of its sides.

    Raises DataError if there are fewer than ten pairs, or if no pairs can be held out without their repetitions.
    """
    if len(source) < _MIN_PAIRS:
        found = f"found {len(source)} pair{'' if len(source) == 1 else 's'}, expected at least {_MIN_PAIRS} to hold some out"
        raise DataError(place, found, _ADVICE)
    size = held_out_size(len(source))
    label = _components(source, target)
    first = np.flatnonzero(label == np.arange(len(label)))  # a pair of each component
    key = np.full(len(label), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(key, label, pair_hashes(source, target) ^ _SEED)  # the text of a component decides, not its place
    key, count = key[first], np.bincount(label)[first]
    code = np.zeros(len(label), np.uint8)
    room = [size] * len(splits)
    # Components fill one split after the other; one larger than a tenth of a split is trained on.
    for index in key.argsort():
        split = next((split for split, free in enumerate(room) if free), None)
        if split is None:
            break
        if count[index] <= min(room[split], max(size // 10, 1)):
            code[first[index]], room[split] = CODES[splits[split]], room[split] - count[index]
    if any(free == size for free in room):
        raise DataError(
            place, "found pairs that all repeat the source or target of others, so none can be held out", _ADVICE
        )
    return code[label]


def _components(source: NDArray[np.uint64], target: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return a label for each pair: the index of the first pair to which a chain of equal sources and targets links it."""
    label = np.arange(len(source), dtype=np.int32)
    groups = [_numbered(side) for side in (source, target)]
    while True:
        before = label
        for group in groups:
            lowest = np.full(group.max() + 1, len(label), np.int32)
            np.minimum.at(lowest, group, label)
            label = lowest[group]
        label = label[label]  # a label is the number of a linked pair, whose own label may be lower
        if np.array_equal(label, before):
            return label


def _numbered(hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return a number for each hash, the same for equal ones: `np.unique` with less memory."""
    order = hashes.argsort()
    is_new = np.diff(hashes[order], prepend=hashes[order[:1]]) != 0
    number = np.empty(len(hashes), np.int32)
    number[order] = np.cumsum(is_new, dtype=np.int32)
    return number
