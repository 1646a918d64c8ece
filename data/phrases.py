"""Phrases in two languages at once, which make the grammar synchronous.

A phrase contains its English words and its German words. Every word has a link, and two words are aligned if they have the
same link. A rule gives the order of its parts once per language, so one derivation yields both sentences and their word
alignment. The parts are defined in `clauses.py` and `nominals.py`, the words in `lexicon.py`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Word(NamedTuple):
    """A word and the unit of translation that it belongs to (None for punctuation)."""

    text: str
    link: object | None


COMMA = Word(",", None)


class Phrase(NamedTuple):
    """The same meaning in two languages, each in its own order."""

    english: tuple[Word, ...] = ()
    german: tuple[Word, ...] = ()


class Rule(NamedTuple):
    """Names of parts in English order and in German order. A part may occur in one language only."""

    english: str
    german: str


class Sentence(NamedTuple):
    """A finished pair of lines and its alignment in Pharaoh format: `0-0 1-2`, English index first."""

    english: str
    german: str
    alignment: str


EMPTY = Phrase()


def linked(*pairs: tuple[str, str]) -> tuple[Phrase, ...]:
    """Return several phrases that form one unit of translation, for words that word order separates.

    "opens" is one word, "macht ... auf" two: `linked(("opens", ""), ("", "macht"), ("", "auf"))`.
    """
    link = object()
    return tuple(
        Phrase(
            tuple(Word(text, link) for text in english.split()),
            tuple(Word(text, link) for text in german.split()),
        )
        for english, german in pairs
    )


def unit(english: str, german: str) -> Phrase:
    """Return one unit of translation: each of its words is aligned to each word of the other language."""
    return linked((english, german))[0]


def join(*phrases: Phrase) -> Phrase:
    """Concatenate phrases in both languages."""
    return Phrase(
        tuple(word for phrase in phrases for word in phrase.english),
        tuple(word for phrase in phrases for word in phrase.german),
    )


def arrange(rule: Rule, parts: Mapping[str, Phrase]) -> Phrase:
    """Put the parts into the two orders of the rule."""
    return Phrase(
        tuple(word for name in rule.english.split() for word in parts[name].english),
        tuple(word for name in rule.german.split() for word in parts[name].german),
    )


def enclose(phrase: Phrase) -> Phrase:
    """Put commas around the German side. `finish` drops commas next to another punctuation mark."""
    return Phrase(phrase.english, (COMMA, *phrase.german, COMMA))


def finish(phrase: Phrase, mark: str = ".") -> Sentence:
    """Write a phrase as two lines, each with a capital letter and a final mark, and the alignment of their words."""
    english = [word for word in phrase.english if word is not COMMA]
    german = [word for word in phrase.german if word is not COMMA]
    points = [
        f"{i}-{j}"
        for i, english_word in enumerate(english)
        for j, german_word in enumerate(german)
        if english_word.link is german_word.link
    ]
    return Sentence(_write(phrase.english, mark), _write(phrase.german, mark), " ".join(points))


def _write(words: Sequence[Word], mark: str) -> str:
    written: list[str] = []
    for word in words:
        if word is not COMMA:
            written.append(word.text)
        elif written and not written[-1].endswith(","):
            written[-1] += ","
    line = " ".join(written).removesuffix(",")
    return line[0].upper() + line[1:] + mark
