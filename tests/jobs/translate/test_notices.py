"""Notices name the first examples of what a reader should know about translations."""

from types import SimpleNamespace

import pytest

from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.notices import TranslationNotices
from translator.text.protected import Protection

GOOD = Candidate("ein Hund", -1.0, -1.0, True, (7,))


def made_notices(*, splits_sentences: bool = False) -> TranslationNotices:
    translator = SimpleNamespace(
        known_words=frozenset({"a", "dog"}),
        max_source_tokens=9,
        long_source=4,
        tokenizer=SimpleNamespace(protection=Protection()),
        config=SimpleNamespace(corpus=SimpleNamespace(source_language="en")),
    )
    return TranslationNotices(translator, splits_sentences=splits_sentences)  # type: ignore[arg-type]


@pytest.fixture
def notices() -> TranslationNotices:
    return made_notices()


def test_good_translations_need_no_notice(notices: TranslationNotices) -> None:
    notices.add("A dog.", GOOD)
    assert notices.take() == []


def test_each_kind_of_notice_names_words_or_lines(notices: TranslationNotices) -> None:
    notices.add("A unicorn, a UNICORN", GOOD)
    notices.add("a dog", GOOD._replace(is_source_truncated=True))
    notices.add("a dog", GOOD._replace(is_finished=False))
    assert notices.take() == [
        "words that did not occur in training, so their translations are unreliable: unicorn",
        "source longer than 9 tokens, only its end was translated: line 2",
        "the model did not end the translation, which was cut at its maximum length: line 3",
    ]


def test_notices_stay_short(notices: TranslationNotices) -> None:
    for number in range(1000):
        notices.add(f"{number}{'x' * 1000}", GOOD)
    [line] = notices.take()
    assert line.endswith(" and more")
    assert len(line) < 800


def test_lines_with_sentences_that_are_longer_than_those_of_training_are_counted(notices: TranslationNotices) -> None:
    for line in ("a dog a dog", "a dog, a dog, a dog", "a dog a dog a.", "A dog. A dog. A dog."):
        notices.add(line, GOOD)
    several, long = notices.take()
    assert several.startswith("1 line has several sentences")
    assert long.startswith("2 lines have sentences of more than 4 words, longer than 99.9 % of the training sources")
    assert notices.take() == []


def test_sentences_that_are_split_are_judged_by_themselves() -> None:
    splitting = made_notices(splits_sentences=True)
    splitting.add("A dog. A dog. A dog.", GOOD)
    assert splitting.take() == []
    splitting.add("A dog. A dog a dog a dog.", GOOD)
    assert splitting.take()[0].startswith("1 line has a sentence of more than 4 words")


def test_lines_with_several_sentences_are_counted(notices: TranslationNotices) -> None:
    for line in ("A dog. A dog!", "A dog", "A dog. A dog? A dog."):
        notices.add(line, GOOD)
    (line,) = notices.take()
    assert line.startswith("2 lines have several sentences")
    assert line.endswith("add --split-sentences")
    assert notices.take() == []
