"""A lost line and a shuffled file are found; a correct corpus raises no alarm, whatever it consists of."""

import os
import random
from pathlib import Path

import pytest

from tests.text.conftest import demo
from tests.text.correct_corpora import KINDS, ORDERS, Pairs, correct_corpus
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


def alarms(pairs: Pairs) -> bool:
    """Return whether anything is reported about these pairs."""
    source, target = (LineStats.of(side) for side in zip(*pairs, strict=True))
    return find_misalignment(source, target) is not None or is_unrelated(source, target)


@pytest.mark.parametrize("kind", KINDS)
def test_a_correct_corpus_raises_no_alarm(kind: str) -> None:
    assert not [order for order in ORDERS for seed in (1, 2) if alarms(correct_corpus(kind, order, seed, 300))]


@pytest.mark.parametrize(("kind", "size"), [("dates", 10_000), ("clock times", 10_000), ("25 phrases in turn", 1000)])
def test_a_large_corpus_whose_lengths_say_nothing_raises_no_alarm(kind: str, size: int) -> None:
    assert not alarms(correct_corpus(kind, "random", 1, size))


def displaced(sides: tuple[list[str], list[str]], place: int, length: int, shift: int) -> list[list[str]]:
    """Return both sides after `length` lines of one of them have moved up because lines before them were lost."""
    changed = [list(side) for side in sides]
    side = changed[0 if shift > 0 else 1]
    lost = side[place : place + abs(shift)]
    del side[place : place + abs(shift)]
    side[place + length : place + length] = lost
    return changed


def num_found(sides: tuple[list[str], list[str]], length: int) -> int:
    """Return how many of twelve displaced stretches are found, at three places by each of four shifts."""
    found = 0
    for share in (0.1, 0.45, 0.8):
        place = int(share * len(sides[0]))
        for shift in (1, -1, 2, -2):
            misalignment = find_misalignment(*map(LineStats.of, displaced(sides, place, length, shift)))
            is_near = misalignment is not None and abs(misalignment.line - 1 - place) <= 8
            found += misalignment is not None and misalignment.shift == shift and is_near
    return found


@pytest.mark.parametrize("length", [30, 60, 100, 150])
def test_displaced_lines_of_the_demo_corpus_are_found(length: int) -> None:
    assert num_found(demo("valid"), length) == 12


@pytest.mark.parametrize(("length", "expected"), [(10, 7), (30, 12), (60, 12), (100, 12), (150, 12)])
def test_displaced_lines_of_multi30k_are_found(length: int, expected: int) -> None:
    if not (folder := os.environ.get("TRANSLATOR_MULTI30K")):
        pytest.skip("TRANSLATOR_MULTI30K does not name a folder with valid.en and valid.de")
    english, german = (Path(folder, f"valid.{suffix}").read_text("utf-8").split("\n")[:-1] for suffix in ("en", "de"))
    assert num_found((english, german), length) >= expected
