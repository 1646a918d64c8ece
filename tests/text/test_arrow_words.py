"""Words worked on by number are words worked on one after another."""

import unicodedata
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.text.arrow_words import BLOCKS_TOGETHER, WordCounts, WordEncoder
from translator.text.corpus import Corpus
from translator.text.store import threaded_map
from translator.text.tokenizer import TokenizerSettings, encode, train_tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=30)
TEXT = TEXT.map(lambda text: unicodedata.normalize("NFC", text))  # the reader does so
BLOCKS = st.lists(st.lists(TEXT, max_size=4), max_size=4)
WORDS = ["der", "alte", "Mann", "Hund", "Haus", "liest", "schläft", "\U0001f600", "</s>", "<unk>"]
LINES = [f"{one} {other}{number % 7}." for number, (one, other) in enumerate((a, b) for a in WORDS for b in WORDS)]
PROCESSOR = train_tokenizer(Corpus(LINES, LINES), TokenizerSettings(vocab_size=320)).source


def encoded(lines: list[str]) -> list[int]:
    return list(chain.from_iterable(encode(PROCESSOR, lines)))


@given(BLOCKS)
def test_tokens_are_counted_over_all_blocks(blocks: list[list[str]]) -> None:
    counts = WordCounts()
    for lines in blocks:
        counts.add(lines)
    assert counts.total() == Counter(token for lines in blocks for token in " ".join(lines).split(" "))


@pytest.mark.parametrize("blocks", [0, 1, BLOCKS_TOGETHER, 2 * BLOCKS_TOGETHER + 1])
def test_however_many_blocks_wait_each_is_counted_once(blocks: int) -> None:
    counts = WordCounts()
    for number in range(blocks):
        counts.add([f"a b{number}", "b a"])
    expected = +Counter({"a": 2 * blocks, "b": blocks, **{f"b{number}": 1 for number in range(blocks)}})
    assert counts.total() == expected
    assert counts.total() == expected


@given(BLOCKS)
def test_many_lines_are_encoded_as_each_is(blocks: list[list[str]]) -> None:
    encoder = WordEncoder(PROCESSOR)
    for lines in [*blocks, LINES]:
        assert encoder.encode(lines).tolist() == encoded(lines)


@pytest.mark.parametrize("most", [1, 30, 10**6])
@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_forgotten_or_learned_meanwhile_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, most: int, threads: int
) -> None:
    monkeypatch.setattr("translator.text.arrow_words.MOST_PIECES", most)
    blocks = [LINES[first : first + 5] for first in range(0, len(LINES), 3)]
    found = threaded_map(WordEncoder(PROCESSOR).encode, blocks, threads)
    assert [ids.tolist() for ids in found] == [encoded(block) for block in blocks]
