"""Held-out pairs have exact sizes, share no side with other splits, and depend on the text alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.errors import DataError
from translator.text.corpus import Split
from translator.text.held_out import CODES, choose_held_out, held_out_size
from translator.text.lines import hash_lines

BOTH: tuple[Split, Split] = ("validation", "test")


def sizes(code: np.ndarray) -> list[int]:
    return [int(count) for count in np.bincount(code, minlength=3)]


def chosen(source: list[str], target: list[str], splits: tuple[Split, ...] = BOTH) -> np.ndarray:
    return choose_held_out(hash_lines(source), hash_lines(target), splits, "corpus")


@pytest.mark.parametrize(
    ("num_pairs", "size"),
    [(10, 1), (99, 9), (399, 39), (999, 99), (1000, 50), (2000, 100), (40_000, 2000), (5_000_000, 2000)],
)
def test_the_documented_sizes(num_pairs: int, size: int) -> None:
    assert held_out_size(num_pairs) == size


@pytest.mark.parametrize("num_pairs", [10, 399, 2000])
def test_different_pairs_are_split_exactly(num_pairs: int) -> None:
    lines = [str(number) for number in range(num_pairs)]
    size = held_out_size(num_pairs)
    assert sizes(chosen(lines, lines)) == [num_pairs - 2 * size, size, size]
    assert sizes(chosen(lines, lines, ("validation",))) == [num_pairs - size, size, 0]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=60, max_size=200), st.randoms())
def test_sides_stay_in_one_split_and_the_order_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    pairs += [(number, number) for number in range(100, 140)]  # some pairs without repetitions
    code = dict(
        zip(pairs, chosen([str(one) for one, _ in pairs], [str(two) for _, two in pairs]).tolist(), strict=True)
    )
    for side in (0, 1):
        splits: dict[int, set[int]] = {}
        for pair, split in code.items():
            splits.setdefault(pair[side], set()).add(split)
        assert all(len(found) == 1 for found in splits.values())
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = chosen([str(one) for one, _ in shuffled], [str(two) for _, two in shuffled])
    assert dict(zip(shuffled, again.tolist(), strict=True)) == code


def test_pairs_that_many_repetitions_link_are_trained_on() -> None:
    source = [f"s{number // 2}" for number in range(500)] + [f"x{number}" for number in range(500)]
    target = [f"t{(number + 1) // 2}" for number in range(500)] + [f"y{number}" for number in range(500)]
    code = chosen(source, target)
    assert not code[:500].any()
    assert sizes(code) == [900, 50, 50]


@pytest.mark.parametrize(
    ("source", "message"),
    [(list("abcdefghi"), "found 9 pairs, expected at least 10"), (["a"] * 20, "none can be held out")],
)
def test_too_few_pairs_are_an_error(source: list[str], message: str) -> None:
    with pytest.raises(DataError, match=f"corpus: .*{message}.*--set corpus.validation="):
        chosen(source, [str(number) for number in range(len(source))])


def test_the_choice_is_the_same_on_every_machine() -> None:
    lines = [str(number) for number in range(100)]
    assert np.flatnonzero(chosen(lines, lines) == CODES["validation"]).tolist() == FROZEN


FROZEN = [0, 6, 9, 19, 33, 36, 78, 85, 89, 94]
"""Computed once; another choice would turn held-out pairs of existing runs into training pairs."""
