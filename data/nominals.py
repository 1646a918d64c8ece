"""Nominals: noun phrases, names and pronouns in their cases, and prepositional phrases.

Each rule builds the English phrase, the German phrase and their alignment at once. Random choices are made elsewhere.
"""

from typing import NamedTuple, Protocol

from lexicon import ADJECTIVES, CONTRACTIONS, FREQUENCY, MANNER, NAMES, PRONOUNS, Case, Noun, Place
from phrases import EMPTY, Phrase, join, unit

# Endings by case for masculine, feminine, neuter and plural. "-" stands for no ending.
_COLUMNS = "mfnp"
_ENDINGS: dict[str, dict[Case, str]] = {
    "strong": {"nominative": "er e es e", "accusative": "en e es e", "dative": "em er em en"},
    "weak": {"nominative": "e e e en", "accusative": "en e e en", "dative": "en en en en"},
    "mixed": {"nominative": "er e es en", "accusative": "en e es en", "dative": "en en en en"},
    "ein": {"nominative": "- e - e", "accusative": "en e - e", "dative": "em er em en"},
}
_THE: dict[Case, str] = {"nominative": "der die das die", "accusative": "den die das die", "dative": "dem der dem den"}
_DETERMINERS: dict[str, tuple[str, str, str]] = {  # German stem, its endings, the adjective's endings
    "the": ("", "the", "weak"),
    "this": ("dies", "strong", "weak"),
    "these": ("dies", "strong", "weak"),
    "a": ("ein", "ein", "mixed"),
    "my": ("mein", "ein", "mixed"),
    "our": ("unser", "ein", "mixed"),
    "two": ("zwei", "", "strong"),
    "three": ("drei", "", "strong"),
    "": ("", "", "strong"),
}


def _ending(declension: str, case: Case, column: str) -> str:
    """Return the ending of a determiner or an adjective in one of the four columns."""
    return _ENDINGS[declension][case].split()[_COLUMNS.index(column)].strip("-")


def _article(case: Case, column: str) -> str:
    """Return the definite article."""
    return _THE[case].split()[_COLUMNS.index(column)]


class Nominal(Protocol):
    """Anything that can be a subject or an object."""

    @property
    def plural(self) -> bool:
        """Whether the verb is in the plural."""

    @property
    def pronoun(self) -> str:
        """The English pronoun that may replace it, or ""."""

    def phrase(self, case: Case) -> Phrase:
        """Return the phrase in both languages. The case is visible in German."""


class Name(NamedTuple):
    """A person's name, the same in both languages and in all cases."""

    name: str
    plural: bool = False

    @property
    def pronoun(self) -> str:
        return NAMES[self.name]

    def phrase(self, case: Case) -> Phrase:
        return unit(self.name, self.name) if case else EMPTY


class Pronoun(NamedTuple):
    """A personal pronoun, given by its English nominative."""

    pronoun: str

    @property
    def plural(self) -> bool:
        return self.pronoun in ("we", "they")

    def phrase(self, case: Case) -> Phrase:
        return unit(*PRONOUNS[self.pronoun][case])


class NounPhrase(NamedTuple):
    """A noun with its determiner ("" for none) and possibly an adjective."""

    determiner: str
    adjective: str
    noun: Noun
    plural: bool = False

    @property
    def pronoun(self) -> str:
        return "they" if self.plural else self.noun.pronoun

    @property
    def column(self) -> str:
        """The column in the tables of endings: the gender or "p" for plural."""
        return "p" if self.plural else self.noun.gender

    def phrase(self, case: Case) -> Phrase:
        return join(self._determiner(case), self.bare(case))

    def bare(self, case: Case) -> Phrase:
        """Return adjective and noun with the endings that the determiner requires."""
        adjective = EMPTY
        if self.adjective:
            declension = _DETERMINERS[self.determiner][2]
            stem = ADJECTIVES[self.adjective].stem
            adjective = unit(self.adjective, stem + _ending(declension, case, self.column))
        return join(adjective, unit(self.noun.plural if self.plural else self.noun.english, self._noun(case)))

    def german_determiner(self, case: Case) -> str:
        """Return the determiner alone, which may be contracted with a preposition."""
        stem, endings, _ = _DETERMINERS[self.determiner]
        if endings == "the":
            return _article(case, self.column)
        return stem + _ending(endings, case, self.column) if endings else stem

    def _determiner(self, case: Case) -> Phrase:
        following = self.adjective or self.noun.english
        english = "an" if self.determiner == "a" and following[0] in "aeiou" else self.determiner
        return unit(english, self.german_determiner(case))

    def _noun(self, case: Case) -> str:
        if not self.plural:
            return self.noun.german if case == "nominative" else self.noun.oblique
        needs_n = case == "dative" and self.noun.german_plural[-1] not in "ns"
        return self.noun.german_plural + "n" * needs_n


class Both(NamedTuple):
    """Two nominals joined by "and"."""

    first: Nominal
    second: Nominal
    plural: bool = True
    pronoun: str = "they"

    def phrase(self, case: Case) -> Phrase:
        return join(self.first.phrase(case), unit("and", "und"), self.second.phrase(case))


class Described(NamedTuple):
    """A subject with a relative clause. The relative clause of an object is the `tail` of a `Clause` instead."""

    head: NounPhrase
    relative: Phrase

    @property
    def plural(self) -> bool:
        return self.head.plural

    @property
    def pronoun(self) -> str:
        return self.head.pronoun

    def phrase(self, case: Case) -> Phrase:
        return join(self.head.phrase(case), self.relative)


def at_place(place: Place, phrase: NounPhrase) -> Phrase:
    """Return a preposition of place and its noun phrase. "in dem" and the like are contracted."""
    contraction = CONTRACTIONS.get((place.german, phrase.german_determiner(place.case)))
    if phrase.determiner == "the" and contraction:
        return join(unit(f"{place.english} the", contraction), phrase.bare(place.case))
    return join(unit(place.english, place.german), phrase.phrase(place.case))


def with_person(nominal: Nominal) -> Phrase:
    """Return "with" and a nominal in the dative."""
    return join(unit("with", "mit"), nominal.phrase("dative"))


def for_person(nominal: Nominal) -> Phrase:
    """Return "for" and a nominal in the accusative."""
    return join(unit("for", "für"), nominal.phrase("accusative"))


def at_time(english: str, german: str) -> Phrase:
    """Return a time phrase, aligned unit by unit."""
    units = zip(english.split(), german.split(), strict=True)
    return join(*(unit(*(words.replace("_", " ") for words in pair)) for pair in units))


def adverb(english: str) -> Phrase:
    """Return an adverb of manner or frequency."""
    return unit(english, (MANNER | FREQUENCY)[english])


class RelativePronoun(NamedTuple):
    """The relative pronoun of a head noun: who, whom or that.

    In German it is the article in the case of its own clause, except for "denen" in the dative plural.
    """

    head: NounPhrase
    pronoun: str = ""

    @property
    def plural(self) -> bool:
        return self.head.plural

    def phrase(self, case: Case) -> Phrase:
        german = "denen" if case == "dative" and self.head.plural else _article(case, self.head.column)
        if "person" not in self.head.noun.tags:
            return unit("that", german)
        return unit("who" if case == "nominative" else "whom", german)
