"""Statistics of many lines are the statistics of each line."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.text.lines import LineStats, distinct, find_known, hash_lines, pair_hashes
from translator.text.words import split_words

# The reader rejects NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=30)
PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@")


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1))
def test_statistics_of_many_lines_are_those_of_each_line(lines: list[str]) -> None:
    stats = LineStats.of(lines)
    assert stats.num_words.tolist() == [len(split_words(line)) for line in lines]
    assert stats.num_bytes.tolist() == [len(line.encode()) for line in lines]
    assert (stats.hash == hash_lines(lines)).all()
    for line, mark in zip(lines, stats.mark.tolist(), strict=True):
        digits = "".join(sorted(filter("0123456789".__contains__, line), reverse=True))
        assert mark // 256 == LineStats.of([digits]).mark[0] // 256
        assert (chr(mark % 256) == line[-1:]) == (line[-1:] in PUNCTUATION)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1), st.lists(st.tuples(TEXT, TEXT), min_size=1))
def test_exactly_the_known_pairs_are_found(known: list[tuple[str, str]], rows: list[tuple[str, str]]) -> None:
    rows = [*rows, known[0]]
    hashes, known_hashes = (
        pair_hashes(*(hash_lines(side) for side in zip(*pairs, strict=True))) for pairs in (rows, known)
    )
    expected = [index for index, pair in enumerate(rows) if pair in set(known)]
    assert find_known(hashes, distinct(known_hashes)).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 9)))
def test_distinct_hashes_are_sorted_and_unique(numbers: list[int]) -> None:
    assert distinct(np.array(numbers, np.uint64)).tolist() == sorted(set(numbers))


def test_a_pair_and_the_same_pair_swapped_have_different_hashes() -> None:
    source, target = hash_lines(["a dog"]), hash_lines(["ein Hund"])
    assert pair_hashes(source, target) != pair_hashes(target, source)
