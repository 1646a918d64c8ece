"""The sample is drawn evenly, and training is reproducible and explains its limits."""

import numpy as np
import pytest
from pydantic import ValidationError

from translator.errors import UsageError
from translator.text.corpus import Block, Corpus
from translator.text.tokenizer import TokenizerSettings
from translator.text.tokenizer_training import PairSample, train_tokenizer

CORPUS = Corpus(
    ["the old man reads", "a dog sleeps here", "the dog reads"] * 20,
    ["der alte Mann liest", "ein Hund schläft", "x"] * 20,
)


@pytest.mark.parametrize(("limits", "most"), [({"max_sentences": 20}, 20), ({"max_characters": 1000}, 25)])
def test_a_sample_is_drawn_evenly_in_order_and_reported(limits: dict[str, int], most: int) -> None:
    counts = np.zeros(2000)
    sample = PairSample(TokenizerSettings(**limits))
    for first in range(0, 2000, 50):
        numbers = [f"{n:010d}" for n in range(first, first + 50)]
        sample.add(Block.of(numbers, [number * 3 for number in numbers]))
    drawn = sample.corpus()
    assert len(drawn.source) == most
    assert drawn.target == [number * 3 for number in drawn.source]
    assert drawn.source == sorted(drawn.source)
    counts[[int(number) for number in drawn.source]] = 1
    assert counts.reshape(2, 1000).sum(axis=1).min() >= most // 4
    assert sample.notice is not None
    assert f"trained on {most} of 2,000 pairs" in sample.notice


def test_a_small_corpus_is_its_own_sample() -> None:
    sample = PairSample(TokenizerSettings())
    for first in range(0, len(CORPUS.source), 7):
        sample.add(Block.of(*(side[first : first + 7] for side in CORPUS[:2])))
    assert sample.corpus()[:2] == CORPUS[:2]
    assert sample.notice is None


def test_the_same_corpus_gives_the_same_tokenizer() -> None:
    settings = TokenizerSettings(vocab_size=300)
    assert train_tokenizer(CORPUS, settings).models == train_tokenizer(CORPUS, settings).models


def test_a_vocabulary_that_is_too_large_is_lowered_with_a_message() -> None:
    messages: list[str] = []
    tokenizer = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=8000), messages.append)
    size = tokenizer.source_size
    assert size < 8000
    assert messages == [f"tokenizer.vocab_size: lowered from 8000 to {size}, the largest for this corpus"]


def test_a_vocabulary_too_small_for_the_characters_is_an_error_with_the_smallest_size() -> None:
    with pytest.raises(UsageError, match=r"tokenizer\.vocab_size: found 50, expected at least 2\d\d"):
        train_tokenizer(CORPUS, TokenizerSettings(vocab_size=50))


def test_a_very_long_line_is_not_skipped() -> None:
    corpus = Corpus(["ж" * 5 + " the dog " * 1000], ["x"])
    tokenizer = train_tokenizer(corpus, TokenizerSettings(vocab_size=280))
    assert "ж" in "".join(tokenizer.source_tokens(range(tokenizer.source_size)))


def test_the_whole_range_of_the_character_coverage_is_accepted_and_nothing_else() -> None:
    assert train_tokenizer(CORPUS, TokenizerSettings(vocab_size=290, character_coverage=0.98)).source_size
    with pytest.raises(ValidationError, match=r"greater than or equal to 0\.98"):
        TokenizerSettings(character_coverage=0.979)
