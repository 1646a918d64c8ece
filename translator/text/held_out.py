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
        raise DataError(place, f"found {len(source)} pairs, expected at least {_MIN_PAIRS} to hold some out", _ADVICE)
    size = held_out_size(len(source))
    component = _components(source, target)
    first, number, count = np.unique(component, return_inverse=True, return_counts=True)
    key = np.full(len(first), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(key, number, pair_hashes(source, target) ^ _SEED)  # the text of a component decides, not its place
    code = np.zeros(len(first), np.uint8)
    room = [size] * len(splits)
    for index in key.argsort():
        split = next((split for split, free in enumerate(room) if free), None)
        if split is None:
            break
        if count[index] <= min(room[split], max(size // 10, 1)):
            code[index], room[split] = CODES[splits[split]], room[split] - count[index]
    if any(free == size for free in room):
        raise DataError(
            place, "found pairs that all repeat the source or target of others, so none can be held out", _ADVICE
        )
    return code[number]


def _components(source: NDArray[np.uint64], target: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a number for each pair, equal for pairs that a chain of equal sources and targets links."""
    label = np.arange(len(source))
    groups = [np.unique(side, return_inverse=True)[1] for side in (source, target)]
    while True:
        before = label
        for group in groups:
            lowest = np.full(group.max() + 1, len(label))
            np.minimum.at(lowest, group, label)
            label = lowest[group]
        label = label[label]  # a label is the number of a linked pair, whose own label may be lower
        if np.array_equal(label, before):
            return label
