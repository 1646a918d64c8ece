"""What the pair_filter lets in, counts and finds, however the corpus is cut into blocks."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.errors import DataError
from translator.text.corpus import Block, Corpus, CorpusSettings
from translator.text.filters import FilterResult, PairFilter, check_held_out, looks_swapped, require_pairs
from translator.text.lines import Lines, find_known, hash_lines, pair_hashes, visible_words
from translator.text.misalignment import find_misalignment, is_unrelated

DATA = Path(__file__).parent.parent.parent / "data"
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=30
)  # the reader refuses NUL


def passed(
    rows: list[tuple[str, str]], settings: CorpusSettings | None = None, size: int = 3
) -> tuple[list[str], FilterResult]:
    """(sources let in, what the pair_filter knows)."""
    pair_filter, kept = PairFilter(settings or CorpusSettings(), ("a.en", "a.de")), []
    for first in range(0, len(rows), size):
        source, target = zip(*rows[first : first + size], strict=True)
        kept += pair_filter.filter(Block(list(source), list(target))).source
    return kept, pair_filter.result()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_each_rule_is_counted_with_its_first_line_and_the_rest_stays_aligned(size: int) -> None:
    rows = [
        ("a", "A"), ("", "B"), ("\u00a0\u200b", "C"), ("w " * 201, "D"), ("a", "v " * 40), ("a", "A"), ("s", "s"),
        ("x", "y" * 5001),
    ]  # fmt: skip
    kept, found = passed(rows, size=size)
    assert found.counts._asdict() == {
        "read": 8, "blank": 2, "too_long": 2, "ratio": 1, "kept": 3, "duplicates": 1, "identical": 1,
    }  # fmt: skip
    assert kept == ["a", "a", "s"]
    assert found.is_kept.tolist() == [True, False, False, False, False, True, True, False]
    places = {one.what: (one.place, one.line, one.num_lines) for one in found.findings}
    assert places["blank"] == ("a.en", 2, 2)
    assert places["too_long"] == ("a.en", 4, 2)
    assert places["ratio"] == ("a.de", 5, 1)
    assert found.fingerprint == Corpus(*map(list, zip(*rows, strict=True))).fingerprint


def test_a_corpus_with_nothing_left_says_why() -> None:
    _, found = passed([("w w", "v v")] * 4, CorpusSettings(max_words=1))
    with pytest.raises(DataError, match=r"0 of 4 training pairs left after cleaning \(0 blank, 4 over"):
        require_pairs(found.counts)


@given(st.lists(TEXT, min_size=1))
def test_counting_many_lines_at_once_is_counting_each(lines: list[str]) -> None:
    facts = Lines.of(lines)
    assert facts.words.tolist() == [len(visible_words(line)) for line in lines]
    assert facts.length.tolist() == [len(line.encode()) for line in lines]
    assert (facts.hash == hash_lines(lines)).all()
    for line, mark in zip(lines, facts.mark.tolist(), strict=True):
        assert mark // 256 == sum(int(c) + 1 for c in line if c in "0123456789")
        assert (chr(mark % 256) == line[-1:]) == (line[-1:] in set("!\"#$%&'()*+,-./:;<=>?@") - {""})


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1), st.lists(st.tuples(TEXT, TEXT), min_size=1))
def test_overlap_is_found_and_nothing_else(ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> None:
    theirs = [*theirs, ours[0]]
    hashes = [pair_hashes(*(hash_lines(side) for side in zip(*rows, strict=True))) for rows in (ours, theirs)]
    expected = [index for index, pair in enumerate(theirs) if pair in set(ours)]
    assert find_known(hashes[1], np.unique(hashes[0])).tolist() == expected


def test_sentences_that_are_also_in_training_are_counted_by_pair_and_by_source() -> None:
    _, train = passed([("a dog", "ein Hund"), ("a cat", "eine Katze")])
    other = Corpus(["a cat", "a dog", "a cow"], ["eine Katze", "der Hund", "eine Kuh"], ("v.en", "v.de"))
    seen = check_held_out(other, CorpusSettings(), train, Corpus(["a dog"], ["ein Hund"]))
    assert (seen.also_in_training, seen.sources_in_training) == (1, 2)
    assert [(one.place, one.line) for one in seen.findings] == [("v.en", 1)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Der M\u00c3\u00bcller", "Latin-1"),
        ("it\u00e2\u20ac\u2122s", "Latin-1"),
        ("a\ufffd", "U+FFFD"),
        ("a\x1b[2J", "control"),
    ],
)
def test_damaged_text_is_found_and_kept(line: str, what: str) -> None:
    kept, found = passed([("fine", "gut"), (line, "gut"), ("fine", line)])
    (finding,) = found.findings
    assert what in finding.what
    assert (finding.place, finding.line, finding.num_lines) == ("a.en", 2, 2)
    assert len(kept) == 3


def test_letters_that_only_resemble_damage_are_none() -> None:
    rows = [("\u00c3O \u00c2ngulo", "S\u00c3O"), ("20 \u20ac", "\u00e2ge"), ("tab\there", "x")]
    assert passed(rows)[1].findings == []


def demo(split: str) -> tuple[list[str], list[str]]:
    source, target = ((DATA / f"{split}.{suffix}").read_text().split("\n")[:-1] for suffix in ("en", "de"))
    return source, target


def test_exchanged_sides_are_noticed_and_right_ones_are_not() -> None:
    train, other = Corpus(*demo("train")), Corpus(*demo("valid"))
    assert not looks_swapped(train, other)
    assert looks_swapped(train, Corpus(other.target, other.source))


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_an_aligned_corpus_raises_no_alarm(split: str) -> None:
    source, target = demo(split)
    assert find_misalignment(Lines.of(source), Lines.of(target)) is None
    ordered = sorted(zip(source, target, strict=True), key=lambda pair: len(pair[0]))
    assert find_misalignment(*(Lines.of(side) for side in zip(*ordered, strict=True))) is None
    assert find_misalignment(Lines.of(["a dog."] * 500), Lines.of(["ein Hund."] * 500)) is None
    shuffled = random.Random(1).sample(target, len(target))
    assert find_misalignment(Lines.of(source[:300]), Lines.of(shuffled[:300])) is None


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("side", [0, 1])
def test_a_line_lost_on_one_side_is_found_where_it_was(share: float, side: int) -> None:
    sides = [lines[:2000] for lines in demo("train")]
    number = int(2000 * share)
    del sides[side][number - 1]
    sides[side].append("Something else stands here.")
    found = find_misalignment(*map(Lines.of, sides))
    assert found is not None
    assert found.shift == (1 if side == 0 else -1)
    assert abs(found.line - number) <= 3


def test_a_line_lost_and_another_added_later_is_found_between_them() -> None:
    sides = [lines[:2000] for lines in demo("train")]
    del sides[0][499]
    sides[0].insert(899, "Something else stands here.")
    found = find_misalignment(*map(Lines.of, sides))
    assert found is not None
    assert abs(found.line - 500) <= 3
    assert abs(found.num_lines - 400) <= 5


def test_a_shuffled_file_is_noticed_and_one_in_order_is_not() -> None:
    source, target = demo("train")
    for seed in range(20):
        first, draw = 30 * seed, random.Random(seed)
        ours, theirs = source[first : first + 100], target[first : first + 100]
        assert not is_unrelated(Lines.of(ours), Lines.of(theirs))
        assert is_unrelated(Lines.of(ours), Lines.of(draw.sample(theirs, len(theirs))))
    assert not is_unrelated(Lines.of(["a dog."] * 500), Lines.of(["ein Hund."] * 500))
    _, found = passed([*zip(source, random.Random(0).sample(target, len(target)), strict=True)])
    assert any("as if one file were shuffled" in str(finding) and finding.is_warning for finding in found.findings)


def test_numbers_alone_betray_a_lost_line() -> None:
    generator = random.Random(1)
    numbers = [generator.randrange(10_000) for _ in range(400)]
    source, target = [f"page {n:05}" for n in numbers], [f"Seite {n:05}" for n in numbers]
    del source[200]
    found = find_misalignment(Lines.of([*source, "page 00001"]), Lines.of(target))
    assert found is not None
    assert abs(found.line - 201) <= 1
