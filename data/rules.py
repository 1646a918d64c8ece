"""The rules of the grammar: each builds the English phrase, the German phrase and their alignment at once.

Nothing is drawn at random here, so every rule can be checked by hand; `sampling.py` makes the choices.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from lexicon import (
    ADJECTIVES,
    CONJUNCTIONS,
    CONTRACTIONS,
    FREQUENCY,
    MANNER,
    MODALS,
    NAMES,
    PRONOUNS,
    Adjective,
    Case,
    Noun,
    Place,
    Tense,
    Verb,
)
from phrases import COMMA, EMPTY, Phrase, Rule, arrange, enclose, join, linked, unit

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
    """A time phrase, aligned word for word where both languages have as many words."""
    pairs = list(zip(english.split(), german.split(), strict=False))
    if len(english.split()) != len(german.split()):
        return unit(english, german)
    return join(*(unit(one, other) for one, other in pairs))


def adverb(english: str) -> Phrase:
    """An adverb of manner or frequency."""
    return unit(english, (MANNER | FREQUENCY)[english])


class Clause(NamedTuple):
    """What a clause says, before any word order: `verb` is None for "to be" with a predicate adjective.

    `tail` is what follows the closing verb in German: the object's relative clause, a that-clause, an infinitive.
    A clause without a subject is the second half of "opens the door and reads a letter".
    """

    subject: Nominal | None
    verb: Verb | None
    plural: bool = False
    tense: Tense = "present"
    negated: bool = False
    adverb: Phrase = EMPTY
    time: Phrase = EMPTY
    recipient: Nominal | None = None
    object: Nominal | None = None
    company: Phrase = EMPTY
    extras: Sequence[Phrase] = ()
    predicate: Adjective | None = None
    tail: Phrase = EMPTY

    def parts(self, question: bool = False) -> dict[str, Phrase]:
        """The parts that the rules of word order name.

        An object pronoun takes the place of a recipient, before the time, as German wants it.
        """
        recipient, thing = EMPTY, EMPTY
        if self.recipient is not None:
            recipient = self.recipient.phrase("dative")
        if self.object is not None and self.verb is not None:
            thing = self.object.phrase(self.verb.case)
        if isinstance(self.object, Pronoun):
            recipient, thing = thing, EMPTY
        return {
            "subject": EMPTY if self.subject is None else self.subject.phrase("nominative"),
            "adverb": self.adverb,
            "time": self.time,
            "recipient": recipient,
            "object": thing,
            "company": self.company,
            "extras": join(*self.extras),
            "tail": self.tail,
            **verb_parts(self, question),
        }


def verb_parts(clause: Clause, question: bool = False) -> dict[str, Phrase]:
    """The verb's parts: English `auxiliary` and `verb`; German `finite` and `final`, or together at the end `cluster`.

    `final` closes the bracket that `finite` opens in a main clause: a particle, a participle, an infinitive.
    """
    negation = unit("not", "nicht") if clause.negated else EMPTY
    plural, verb = clause.plural, clause.verb
    if verb is None:
        return {"negation": negation, **_copula_parts(clause)}
    if clause.tense == "present":
        return {"negation": negation, **_present_parts(verb, plural, clause.negated or question)}
    if clause.tense == "perfect":
        english, german = "have has".split(), {"haben": "haben hat", "sein": "sind ist"}[verb.auxiliary].split()
        helper = linked((english[not plural], ""), ("", german[not plural]))
        main = linked((verb.english_participle, ""), ("", verb.participle))
    else:
        singular_english, plural_english, singular, plural_german = MODALS[clause.tense]
        english_modal = plural_english if plural else singular_english
        helper = linked((english_modal, ""), ("", plural_german if plural else singular))
        main = linked((verb.english, ""), ("", verb.particle + verb.stem))
        if clause.tense == "can" and clause.negated and not question:
            *helper_parts, negation = linked(("cannot", ""), ("", helper[1].german[0].text), ("", "nicht"))
            helper = tuple(helper_parts)
    return {
        "negation": negation,
        "auxiliary": helper[0],
        "verb": main[0],
        "finite": helper[1],
        "final": main[1],
        "cluster": join(main[1], helper[1]),
    }


def _present_parts(verb: Verb, plural: bool, with_do: bool) -> dict[str, Phrase]:
    german = verb.stem if plural else verb.german_third
    english = verb.english if plural or with_do else verb.third
    do = ("do" if plural else "does") if with_do else ""
    names = ("auxiliary", "verb", "finite", "final", "cluster")
    phrases = linked((do, ""), (english, ""), ("", german), ("", verb.particle), ("", verb.particle + german))
    return dict(zip(names, phrases, strict=True))


def _copula_parts(clause: Clause) -> dict[str, Phrase]:
    be, german_be = linked(("are" if clause.plural else "is", ""), ("", "sind" if clause.plural else "ist"))
    if clause.predicate is None:
        raise ValueError("a clause without a verb needs a predicate adjective")
    english, german = linked((clause.predicate.english, ""), ("", clause.predicate.german))
    return {
        "auxiliary": be,
        "verb": english,
        "finite": german_be,
        "final": german,
        "cluster": join(german, german_be),
    }


# Word order. English keeps the verb before its objects and the time last; German puts the finite verb second or last,
# the rest of the verb at the end, and between them pronouns and recipients before the time before the object.
_ENGLISH = "auxiliary negation adverb verb recipient object company extras tail"
_MIDDLE = "adverb company object extras negation"
STATEMENT = Rule(f"subject {_ENGLISH} time", f"subject finite recipient time {_MIDDLE} final tail")
FRONTED = Rule(f"time subject {_ENGLISH}", f"time finite subject recipient {_MIDDLE} final tail")
INVERTED = Rule(f"subject {_ENGLISH} time", f"finite subject recipient time {_MIDDLE} final tail")
QUESTION = Rule(f"auxiliary subject {_ENGLISH.removeprefix('auxiliary ')} time", INVERTED.german)
SUBORDINATE = Rule(f"subject {_ENGLISH} time", f"subject recipient time {_MIDDLE} cluster tail")
OBJECT_RELATIVE = Rule(
    "object subject auxiliary negation adverb verb recipient company extras time",
    "object subject recipient time adverb company extras negation cluster",
)
INFINITIVE = Rule(
    "opening to verb recipient object company extras tail",
    "opening recipient company object extras cluster tail",
)


def statement(clause: Clause) -> Phrase:
    """A main clause that starts with its subject: "Anna macht heute die Tür auf"."""
    return arrange(STATEMENT, clause.parts())


def fronted(clause: Clause) -> Phrase:
    """A main clause that starts with its time, so that German has the verb before the subject."""
    return arrange(FRONTED, clause.parts())


def question(clause: Clause, word: tuple[str, str] | None = None) -> Phrase:
    """A question, with "why" or without a question word."""
    return join(unit(*word) if word else EMPTY, arrange(QUESTION, clause.parts(question=True)))


def subordinate(conjunction: str, *clauses: Clause) -> Phrase:
    """A subordinate clause, or two joined by "and" under one conjunction; German wants commas around it."""
    bodies = [arrange(SUBORDINATE, clause.parts()) for clause in clauses]
    joined = join(bodies[0], *(join(unit("and", "und"), body) for body in bodies[1:]))
    return enclose(join(unit(conjunction, CONJUNCTIONS[conjunction]), joined))


def after_subordinate(first: Phrase, clause: Clause) -> Phrase:
    """A main clause behind its subordinate clause, which takes the place before the German verb."""
    return join(Phrase((*first.english, COMMA), first.german), arrange(INVERTED, clause.parts()))


def both_clauses(first: Phrase, conjunction: str, second: Phrase) -> Phrase:
    """Two main clauses joined by "and" or "but", with a comma in both languages."""
    comma = Phrase((COMMA,), (COMMA,))
    return join(first, comma, unit(conjunction, {"and": "und", "but": "aber"}[conjunction]), second)


def both_predicates(first: Phrase, second: Clause, *, last: bool = False) -> Phrase:
    """One subject that does two things; `last` puts the second verb at the end, for a subordinate clause."""
    rule = SUBORDINATE if last else STATEMENT
    return join(first, unit("and", "und"), arrange(rule, second.parts()))


def relative_pronoun(head: NounPhrase, case: Case) -> Phrase:
    """Who, whom or that; in German the article in the case of its own clause, but "denen" in the dative plural."""
    german = "denen" if case == "dative" and head.plural else THE[case].split()[COLUMNS.index(head.column)]
    if "person" not in head.noun.tags:
        return unit("that", german)
    return unit("who" if case == "nominative" else "whom", german)


class _Relative(NamedTuple):
    """A relative pronoun in the place of the noun that it stands for."""

    head: NounPhrase
    pronoun: str = ""

    @property
    def plural(self) -> bool:
        return self.head.plural

    def phrase(self, case: Case) -> Phrase:
        return relative_pronoun(self.head, case)


def subject_relative(head: NounPhrase, clause: Clause) -> Phrase:
    """A relative clause whose pronoun is its subject: "die Frau, die das Buch gekauft hat"."""
    inner = clause._replace(subject=_Relative(head), plural=head.plural)
    return enclose(arrange(SUBORDINATE, inner.parts()))


def object_relative(head: NounPhrase, clause: Clause) -> Phrase:
    """A relative clause whose pronoun is its object: "der Mann, dem Anna hilft"."""
    return enclose(arrange(OBJECT_RELATIVE, clause._replace(object=_Relative(head)).parts()))


def infinitive(clause: Clause, *, purpose: bool = False) -> Phrase:
    """An infinitive with "zu", which a separable verb takes inside: "aufzumachen"; a purpose opens with "um"."""
    verb, parts = clause.verb, clause.parts()
    if verb is None:
        raise ValueError("an infinitive needs a verb")
    if verb.particle:
        to, english, german = linked(("to", ""), (verb.english, ""), ("", f"{verb.particle}zu{verb.stem}"))
    else:
        to, zu = linked(("to", ""), ("", "zu"))
        english, stem = linked((verb.english, ""), ("", verb.stem))
        german = join(zu, stem)
    opening = unit("in order", "um") if purpose else EMPTY
    return enclose(arrange(INFINITIVE, parts | {"opening": opening, "to": to, "verb": english, "cluster": german}))
