"""Phrases in two languages at once: the few lines that make the grammar synchronous.

A phrase holds its English words and its German words. A word holds a link, and two words are aligned where their links
are the same. A rule names the order of its parts once per language, so one derivation yields both sentences and the
alignment between them. What the parts are is said in `clauses.py` and `nominals.py`, which words there are in `lexicon.py`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Word(NamedTuple):
    """A word, and the unit of translation it belongs to (none for punctuation)."""

    text: str
    link: object | None


COMMA = Word(",", None)


class Phrase(NamedTuple):
    """The same meaning in two languages, each in its own order."""

    english: tuple[Word, ...] = ()
    german: tuple[Word, ...] = ()


class Rule(NamedTuple):
    """Names of parts in English order and in German order; a part may be named in one language only."""

    english: str
    german: str


class Sentence(NamedTuple):
    """A finished pair of lines and its alignment in Pharaoh format: `0-0 1-2`, English index first."""

    english: str
    german: str
    alignment: str


EMPTY = Phrase()


def linked(*pairs: tuple[str, str]) -> tuple[Phrase, ...]:
    """Several phrases that are one unit of translation, for words that word order tears apart.

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
    """One unit of translation: each of its words is aligned to each of the other language's."""
    return linked((english, german))[0]


def join(*phrases: Phrase) -> Phrase:
    """Phrases one after the other, in both languages."""
    return Phrase(
        tuple(word for phrase in phrases for word in phrase.english),
        tuple(word for phrase in phrases for word in phrase.german),
    )


def arrange(rule: Rule, parts: Mapping[str, Phrase]) -> Phrase:
    """Put the parts into the rule's two orders."""
    return Phrase(
        tuple(word for name in rule.english.split() for word in parts[name].english),
        tuple(word for name in rule.german.split() for word in parts[name].german),
    )


def enclose(phrase: Phrase) -> Phrase:
    """Set the German side between commas; `finish` drops those that meet another mark."""
    return Phrase(phrase.english, (COMMA, *phrase.german, COMMA))


def finish(phrase: Phrase, mark: str = ".") -> Sentence:
    """Write a phrase out as two lines with a capital, a final mark and the alignment of their tokens."""
    english = [word for word in phrase.english if word is not COMMA]
    german = [word for word in phrase.german if word is not COMMA]
    points = [f"{i}-{j}" for i, one in enumerate(english) for j, other in enumerate(german) if one.link is other.link]
    return Sentence(_write(phrase.english, mark), _write(phrase.german, mark), " ".join(points))


def _write(words: Sequence[Word], mark: str) -> str:
    tokens: list[str] = []
    for word in words:
        if word is not COMMA:
            tokens.append(word.text)
        elif tokens and not tokens[-1].endswith(","):
            tokens[-1] += ","
    line = " ".join(tokens).removesuffix(",")
    return line[0].upper() + line[1:] + mark
