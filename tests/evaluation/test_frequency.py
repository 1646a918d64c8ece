"""Words by their frequency in training: every word of the references is in exactly one group."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.evaluation.frequency import GROUPS, by_frequency
from translator.text.words import words

SEEN = {"der": 1000, "hund": 10, "katze": 9, "igel": 2, "luchs": 1}
LINES = st.lists(
    st.lists(st.sampled_from(["der", "Hund", "Katze,", "Igel", "Luchs!", "Wal"])).map(" ".join), min_size=1
)


@settings(max_examples=30, deadline=None)
@given(LINES, st.data())
def test_each_reference_word_is_in_one_group(references: list[str], data: st.DataObject) -> None:
    hypotheses = data.draw(st.lists(st.sampled_from(references), min_size=len(references), max_size=len(references)))
    groups = by_frequency(hypotheses, [references], SEEN)
    assert [group.name for group in groups] == list(GROUPS)
    assert sum(group.num_words for group in groups) == sum(len(words(line)) for line in references)
    counts = Counter(word for line in references for word in words(line))
    expected = (counts["wal"], counts["luchs"], counts["igel"] + counts["katze"], counts["hund"] + counts["der"])
    assert tuple(group.num_words for group in groups) == expected
    assert all((group.f1 is None) == (group.num_words == 0) for group in groups)
    assert all(group.f1 is None or 0 <= group.f1 <= 100 for group in groups)


@settings(max_examples=30, deadline=None)
@given(LINES)
def test_f1_is_100_for_the_references_and_0_for_empty_translations(references: list[str]) -> None:
    assert {group.f1 for group in by_frequency(references, [references], SEEN)} <= {None, 100.0}
    assert {group.f1 for group in by_frequency([""] * len(references), [references], SEEN)} <= {None, 0.0}


def test_a_word_is_correct_only_in_its_own_sentence_and_as_often_as_there() -> None:
    """Of the rare words, katze occurs twice for one in the reference, and igel is in the wrong sentence."""
    hypotheses, references = ["der katze katze wal", "der igel"], ["Der Katze, der Igel.", "der Hund"]
    unseen, once, rare, frequent = by_frequency(hypotheses, [references], SEEN)
    assert (unseen.num_words, unseen.f1, once.f1) == (0, None, None)
    assert rare.f1 == pytest.approx(200 * 1 / (3 + 2))
    assert frequent.f1 == pytest.approx(200 * 2 / (2 + 4))


def test_the_closest_of_several_references_counts() -> None:
    hypotheses = ["der luchs", "der igel", ""]
    first, second = ["der Hund", "der Igel schläft", ""], ["Luchs", "ein Igel", "der Wal"]
    assert by_frequency(hypotheses, [first, second], SEEN) == by_frequency(
        hypotheses, [["Luchs", "der Igel schläft", ""]], SEEN
    )
    assert by_frequency(hypotheses, [first, first], SEEN) == by_frequency(hypotheses, [first], SEEN)
