"""A lost line and a shuffled file are found; an aligned corpus raises no alarm."""

import random

import pytest

from tests.text.conftest import demo
from translator.text.lines import LineStats
from translator.text.misalignment import find_misalignment, is_unrelated


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_an_aligned_corpus_raises_no_alarm(split: str) -> None:
    source, target = demo(split)
    assert find_misalignment(LineStats.of(source), LineStats.of(target)) is None
    ordered = sorted(zip(source, target, strict=True), key=lambda pair: len(pair[0]))
    assert find_misalignment(*(LineStats.of(side) for side in zip(*ordered, strict=True))) is None
    shuffled = random.Random(1).sample(target, len(target))
    assert find_misalignment(LineStats.of(source[:300]), LineStats.of(shuffled[:300])) is None


def test_a_corpus_of_one_repeated_sentence_raises_no_alarm() -> None:
    source, target = LineStats.of(["a dog."] * 500), LineStats.of(["ein Hund."] * 500)
    assert find_misalignment(source, target) is None
    assert not is_unrelated(source, target)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("side", [0, 1])
def test_a_lost_line_is_found_where_it_was(share: float, side: int) -> None:
    sides = [lines[:2000] for lines in demo("train")]
    number = int(2000 * share)
    del sides[side][number - 1]
    sides[side].append("Something else stands here.")
    misalignment = find_misalignment(*map(LineStats.of, sides))
    assert misalignment is not None
    assert misalignment.shift == (1 if side == 0 else -1)
    assert abs(misalignment.line - number) <= 3


def test_a_stretch_between_a_lost_and_an_added_line_is_found() -> None:
    sides = [lines[:2000] for lines in demo("train")]
    del sides[0][499]
    sides[0].insert(899, "Something else stands here.")
    misalignment = find_misalignment(*map(LineStats.of, sides))
    assert misalignment is not None
    assert abs(misalignment.line - 500) <= 3
    assert abs(misalignment.num_lines - 400) <= 5


def test_numbers_alone_reveal_a_lost_line() -> None:
    generator = random.Random(1)
    numbers = [generator.randrange(10_000) for _ in range(400)]
    source, target = [f"page {n:05}" for n in numbers], [f"Seite {n:05}" for n in numbers]
    del source[200]
    misalignment = find_misalignment(LineStats.of([*source, "page 00001"]), LineStats.of(target))
    assert misalignment is not None
    assert abs(misalignment.line - 201) <= 1


def test_a_shuffled_file_is_unrelated_and_one_in_order_is_not() -> None:
    source, target = demo("train")
    for seed in range(20):
        first = 30 * seed
        source_part, target_part = source[first : first + 100], target[first : first + 100]
        shuffled = random.Random(seed).sample(target_part, len(target_part))
        assert not is_unrelated(LineStats.of(source_part), LineStats.of(target_part))
        assert is_unrelated(LineStats.of(source_part), LineStats.of(shuffled))
