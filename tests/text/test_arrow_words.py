"""Counting and encoding many lines with Arrow gives what one line after another gives."""

import unicodedata
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.ops.threads import threaded_map
from translator.text import arrow_words
from translator.text.arrow_words import WordCounts, WordEncoder
from translator.text.corpus import Corpus
from translator.text.tokenizer import TokenizerSettings, encode_lines
from translator.text.tokenizer_training import train_tokenizer
from translator.text.words import spaced

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=30)
TEXT = TEXT.map(lambda text: unicodedata.normalize("NFC", text))  # the reader does so
BLOCKS = st.lists(st.lists(TEXT, max_size=4), max_size=4)
WORDS = ["der", "alte", "Mann", "Hund", "Haus", "liest", "schläft", "\U0001f600", "</s>", "<unk>"]
PAIRS = [(first, second) for first in WORDS for second in WORDS]
LINES = [f"{first} {second}{number % 7}." for number, (first, second) in enumerate(PAIRS)]
PROCESSOR = train_tokenizer(Corpus(LINES, LINES), TokenizerSettings(vocab_size=320)).source


def encoded(lines: list[str]) -> list[int]:
    return list(chain.from_iterable(encode_lines(PROCESSOR, lines)))


@settings(deadline=None)
@given(BLOCKS)
def test_words_are_counted_over_all_blocks(blocks: list[list[str]]) -> None:
    counts = WordCounts()
    for lines in blocks:
        counts.add(lines)
    expected = Counter(word for lines in blocks for word in spaced(" ".join(lines)).split(" "))
    counted = counts.total()
    del counted[""], expected[""]  # between two spaces
    assert counted == expected


@pytest.mark.parametrize("num_blocks", [0, 1, arrow_words._BLOCKS_TOGETHER, 2 * arrow_words._BLOCKS_TOGETHER + 1])
def test_each_block_is_counted_once(num_blocks: int) -> None:
    counts = WordCounts()
    for number in range(num_blocks):
        counts.add([f"a b{number}", "b a"])
    expected = +Counter({"a": 2 * num_blocks, "b": num_blocks, **{f"b{number}": 1 for number in range(num_blocks)}})
    assert counts.total() == expected
    assert counts.total() == expected


@settings(deadline=None)
@given(BLOCKS)
def test_many_lines_are_encoded_as_each_is(blocks: list[list[str]]) -> None:
    encoder = WordEncoder(PROCESSOR)
    for lines in [*blocks, LINES]:
        assert encoder.encode(lines).tolist() == encoded(lines)


@pytest.mark.parametrize("most", [1, 500, 10**6])
@pytest.mark.parametrize("num_threads", [1, 4])
def test_neither_forgetting_words_nor_other_threads_change_the_result(
    monkeypatch: pytest.MonkeyPatch, most: int, num_threads: int
) -> None:
    monkeypatch.setattr(arrow_words, "_MAX_CACHED_BYTES", most)
    blocks = [LINES[first : first + 5] for first in range(0, len(LINES), 3)]
    results = threaded_map(WordEncoder(PROCESSOR).encode, blocks, num_threads)
    assert [ids.tolist() for ids in results] == [encoded(block) for block in blocks]
