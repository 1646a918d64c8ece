"""Notices name the first examples of what a reader should know about translations."""

from types import SimpleNamespace

import pytest

from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.notices import TranslationNotices
from translator.text.protected import Protection

GOOD = Candidate("ein Hund", -1.0, -1.0, True, (7,))


@pytest.fixture
def notices() -> TranslationNotices:
    translator = SimpleNamespace(
        known_words=frozenset({"a", "dog"}),
        max_source_tokens=9,
        tokenizer=SimpleNamespace(protection=Protection()),
        config=SimpleNamespace(corpus=SimpleNamespace(source_language="en")),
    )
    return TranslationNotices(translator)  # type: ignore[arg-type]


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


def test_lines_with_several_sentences_are_counted(notices: TranslationNotices) -> None:
    for line in ("A dog. A dog!", "A dog", "A dog. A dog? A dog."):
        notices.add(line, GOOD)
    (line,) = notices.take()
    assert line.startswith("2 lines have several sentences")
    assert line.endswith("add --split-sentences")
    assert notices.take() == []
