"""Who and what: noun phrases, names and pronouns in their cases, and the phrases that a preposition makes of them.

Each rule builds the English phrase, the German phrase and their alignment at once. Nothing is drawn at random here.
"""

from typing import NamedTuple, Protocol

from lexicon import ADJECTIVES, CONTRACTIONS, FREQUENCY, MANNER, NAMES, PRONOUNS, Case, Noun, Place
from phrases import EMPTY, Phrase, join, unit

# Endings by case for masculine, feminine, neuter and plural; "-" is no ending.
COLUMNS = "mfnp"
ENDINGS: dict[str, dict[Case, str]] = {
    "strong": {"nominative": "er e es e", "accusative": "en e es e", "dative": "em er em en"},
    "weak": {"nominative": "e e e en", "accusative": "en e e en", "dative": "en en en en"},
    "mixed": {"nominative": "er e es en", "accusative": "en e es en", "dative": "en en en en"},
    "ein": {"nominative": "- e - e", "accusative": "en e - e", "dative": "em er em en"},
}
THE: dict[Case, str] = {"nominative": "der die das die", "accusative": "den die das die", "dative": "dem der dem den"}
DETERMINERS: dict[str, tuple[str, str, str]] = {  # German stem, its endings, the adjective's endings
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


def ending(declension: str, case: Case, column: str) -> str:
    """The ending of a determiner or an adjective in one of the four columns."""
    return ENDINGS[declension][case].split()[COLUMNS.index(column)].strip("-")


class Nominal(Protocol):
    """Whatever can be a subject or an object: what it is called in each case, and whether it is plural."""

    @property
    def plural(self) -> bool:
        """Whether the verb agrees with it in the plural."""

    @property
    def pronoun(self) -> str:
        """The English pronoun that may take its place, or nothing."""

    def phrase(self, case: Case) -> Phrase:
        """The phrase in both languages; the case shows in German."""


class Name(NamedTuple):
    """A person's name, the same in both languages and in all cases."""

    name: str
    plural: bool = False

    @property
    def pronoun(self) -> str:
        """He or she."""
        return NAMES[self.name]

    def phrase(self, case: Case) -> Phrase:
        """The name."""
        return unit(self.name, self.name) if case else EMPTY


class Pronoun(NamedTuple):
    """A personal pronoun, named by its English nominative."""

    pronoun: str

    @property
    def plural(self) -> bool:
        """We and they; their verb has one form in German."""
        return self.pronoun in ("we", "they")

    def phrase(self, case: Case) -> Phrase:
        """The pronoun in its case."""
        return unit(*PRONOUNS[self.pronoun][case])


class NounPhrase(NamedTuple):
    """A noun with its determiner ("" is none) and perhaps an adjective."""

    determiner: str
    adjective: str
    noun: Noun
    plural: bool = False

    @property
    def pronoun(self) -> str:
        """They, or the pronoun of the noun."""
        return "they" if self.plural else self.noun.pronoun

    @property
    def column(self) -> str:
        """The column of the tables of endings: the gender, or the plural."""
        return "p" if self.plural else self.noun.gender

    def phrase(self, case: Case) -> Phrase:
        """Determiner, adjective, noun."""
        return join(self._determiner(case), self.bare(case))

    def bare(self, case: Case) -> Phrase:
        """Adjective and noun, with the endings that the determiner leaves them."""
        adjective = EMPTY
        if self.adjective:
            declension = DETERMINERS[self.determiner][2]
            stem = ADJECTIVES[self.adjective].stem
            adjective = unit(self.adjective, stem + ending(declension, case, self.column))
        return join(adjective, unit(self.noun.plural if self.plural else self.noun.english, self._noun(case)))

    def german_determiner(self, case: Case) -> str:
        """The determiner alone, which a preposition may swallow."""
        stem, endings, _ = DETERMINERS[self.determiner]
        if endings == "the":
            return THE[case].split()[COLUMNS.index(self.column)]
        return stem + ending(endings, case, self.column) if endings else stem

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
        """Both in the same case."""
        return join(self.first.phrase(case), unit("and", "und"), self.second.phrase(case))


class Described(NamedTuple):
    """A subject with a relative clause; an object's relative clause goes to the end of its clause instead."""

    head: NounPhrase
    relative: Phrase

    @property
    def plural(self) -> bool:
        """The head's number."""
        return self.head.plural

    @property
    def pronoun(self) -> str:
        """The head's pronoun."""
        return self.head.pronoun

    def phrase(self, case: Case) -> Phrase:
        """The head and then the relative clause."""
        return join(self.head.phrase(case), self.relative)


def at_place(place: Place, phrase: NounPhrase) -> Phrase:
    """A preposition of place and its noun phrase; "in dem" and the like are contracted."""
    contraction = CONTRACTIONS.get((place.german, phrase.german_determiner(place.case)))
    if phrase.determiner == "the" and contraction:
        return join(unit(f"{place.english} the", contraction), phrase.bare(place.case))
    return join(unit(place.english, place.german), phrase.phrase(place.case))


def with_person(nominal: Nominal) -> Phrase:
    """In someone's company: "with" governs the dative."""
    return join(unit("with", "mit"), nominal.phrase("dative"))


def for_person(nominal: Nominal) -> Phrase:
    """For someone's good: "for" governs the accusative."""
    return join(unit("for", "für"), nominal.phrase("accusative"))


def at_time(english: str, german: str) -> Phrase:
    """A time phrase, aligned unit for unit."""
    pairs = zip(english.split(), german.split(), strict=True)
    return join(*(unit(one.replace("_", " "), other.replace("_", " ")) for one, other in pairs))


def adverb(english: str) -> Phrase:
    """An adverb of manner or frequency."""
    return unit(english, (MANNER | FREQUENCY)[english])


def relative_pronoun(head: NounPhrase, case: Case) -> Phrase:
    """Who, whom or that; in German the article in the case of its own clause, but "denen" in the dative plural."""
    german = "denen" if case == "dative" and head.plural else THE[case].split()[COLUMNS.index(head.column)]
    if "person" not in head.noun.tags:
        return unit("that", german)
    return unit("who" if case == "nominative" else "whom", german)


class RelativePronoun(NamedTuple):
    """A relative pronoun in the place of the noun that it stands for."""

    head: NounPhrase
    pronoun: str = ""

    @property
    def plural(self) -> bool:
        """The head's number."""
        return self.head.plural

    def phrase(self, case: Case) -> Phrase:
        """The pronoun in its own clause's case."""
        return relative_pronoun(self.head, case)
