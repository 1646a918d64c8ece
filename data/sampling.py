"""Random choices: which words and which clauses a sentence is made of, so that it also makes some sense.

How the chosen parts become two sentences is in `nominals.py` and `clauses.py`; how clauses are chained, in `plans.py`.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from random import Random
from typing import Literal, NamedTuple, TypeVar

from clauses import Clause, object_relative, subject_relative
from lexicon import (
    ADJECTIVES,
    FREQUENCY,
    MANNER,
    NAMES,
    NOUNS,
    PLACES,
    PRONOUNS,
    TIMES_ANY,
    TIMES_PRESENT,
    VERBS,
    Noun,
    Tense,
    Verb,
)
from nominals import (
    Both,
    Described,
    Name,
    Nominal,
    NounPhrase,
    Pronoun,
    adverb,
    at_place,
    at_time,
    for_person,
    with_person,
)
from phrases import EMPTY, Phrase

Item = TypeVar("Item")

OBJECT_DETERMINERS = ["the", "the", "the", "the", "a", "a", "a", "my", "my", "our", "our", "this"]
SUBJECT_DETERMINERS = ["the", "the", "the", "the", "a", "my", "my", "our", "our", "this"]
PLURAL_DETERMINERS = ["the", "the", "my", "our", "these", "two", "three", ""]
PLURAL_SUBJECT_DETERMINERS = ["the", "the", "my", "our", "these", "two", "three"]
KNOWN_DETERMINERS = ["the", "the", "my", "our"]
PEOPLE = tuple(noun for noun in NOUNS.values() if "person" in noun.tags)
ANIMALS = tuple(noun for noun in NOUNS.values() if "animal" in noun.tags)
JUDGED = frozenset("interesting long funny dirty clean hot cold fresh sweet good expensive cheap heavy".split())
ACTIONS = tuple(verb for verb in VERBS.values() if not verb.traits & {"that", "whether", "infinitive"})
DEEDS = tuple(verb for verb in ACTIONS if verb.objects)
Span = Literal["any", "unfinished", "present"]
TOLD = tuple(verb for verb in DEEDS if verb.english not in ("eat", "drink", "show", "give", "send"))
MODAL_TENSES: tuple[Tense, ...] = ("can", "must", "should", "want")


class Triple(NamedTuple):
    """A verb, the noun that is its object and the adjective beside it, by their English names."""

    verb: str
    noun: str
    adjective: str


@cache
def fitting_nouns(verb: Verb) -> tuple[Noun, ...]:
    """The nouns that the verb may take as its object."""
    return tuple(noun for noun in NOUNS.values() if noun.tags & verb.objects)


@cache
def fitting_adjectives(noun: Noun) -> tuple[str, ...]:
    """The adjectives that suit the noun."""
    return tuple(adjective.english for adjective in ADJECTIVES.values() if adjective.tags & noun.tags)


def suits(determiner: str, noun: Noun) -> bool:
    """Whether the noun may be called mine, and whether it may be called just any ("a sister")."""
    if determiner in ("my", "our"):
        return "own" in noun.tags
    return determiner not in ("a", "this", "these", "") or "kin" not in noun.tags


def all_triples() -> list[Triple]:
    """Every combination of verb, object and adjective that the lexicon allows."""
    return [
        Triple(verb.english, noun.english, adjective)
        for verb in DEEDS
        for noun in fitting_nouns(verb)
        for adjective in fitting_adjectives(noun)
    ]


JUDGED_THINGS = tuple(noun for noun in NOUNS.values() if set(fitting_adjectives(noun)) & set(JUDGED))


class Sampler:
    """Draws one sentence; it lives no longer, because it remembers the words used so as not to repeat them.

    `triples` are the combinations of verb, object and adjective that the sentence came to use.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.triples: list[Triple] = []
        self.used: set[str] = set()
        self.timed = False

    def choose(self, items: Sequence[Item]) -> Item:
        """One item, each as likely; built on `random()`, which is the same in every version of Python."""
        return items[int(self.random.random() * len(items))]

    def chance(self, probability: float) -> bool:
        """True with the probability given."""
        return self.random.random() < probability

    def noun(self, nouns: Iterable[Noun]) -> Noun:
        """A noun not used in the sentence so far, while there is one."""
        pool = list(nouns)
        chosen = self.choose([noun for noun in pool if noun.english not in self.used] or pool)
        self.used.add(chosen.english)
        return chosen

    def verb(self, verbs: Iterable[Verb]) -> Verb:
        """A verb not used in the sentence so far, while there is one."""
        pool = list(verbs)
        chosen = self.choose([verb for verb in pool if verb.english not in self.used] or pool)
        self.used.add(chosen.english)
        return chosen

    def noun_phrase(self, nouns: Iterable[Noun], determiners: Sequence[str], adjective: float) -> NounPhrase:
        """A noun phrase in the singular, with an adjective by the probability given."""
        noun = self.noun(nouns)
        word = self.choose(fitting_adjectives(noun)) if self.chance(adjective) else ""
        determiner = self.choose([determiner for determiner in determiners if suits(determiner, noun)])
        if not noun.plural and determiner == "a":
            determiner = ""
        return NounPhrase(determiner, word, noun)

    def many(self, phrase: NounPhrase, probability: float) -> NounPhrase:
        """The same noun phrase, perhaps in the plural."""
        if not phrase.noun.plural or not self.chance(probability):
            return phrase
        return self.plural(phrase, PLURAL_DETERMINERS)

    def plural(self, phrase: NounPhrase, determiners: Sequence[str]) -> NounPhrase:
        """The same noun phrase in the plural, with a determiner for it."""
        fitting = [determiner for determiner in determiners if suits(determiner, phrase.noun)]
        return phrase._replace(determiner=self.choose(fitting), plural=True)

    def name(self) -> Name:
        """A name not used in the sentence so far."""
        name = self.choose([name for name in NAMES if name not in self.used] or list(NAMES))
        self.used.add(name)
        return Name(name)

    def person(self, verb: Verb | None = None) -> Nominal:
        """Someone who acts: a name, a person, a pronoun, two people, for some verbs an animal."""
        dice = self.random.random()
        if dice < 0.22:
            return self.name()
        if dice < 0.30:
            return Pronoun(self.choose(("he", "she", "we", "they")))
        if dice < 0.37:
            return Both(self.name(), self.noun_phrase(PEOPLE, KNOWN_DETERMINERS, 0.3))
        nouns = PEOPLE + ANIMALS if verb and "beast" in verb.traits else PEOPLE
        phrase = self.noun_phrase(nouns, SUBJECT_DETERMINERS, 0.3)
        return self.perhaps_many(phrase)

    def perhaps_many(self, phrase: NounPhrase) -> NounPhrase:
        """A subject, perhaps in the plural; it always has a determiner."""
        return self.plural(phrase, PLURAL_SUBJECT_DETERMINERS) if self.chance(0.22) else phrase

    def subject(self, antecedent: Nominal | None, verb: Verb | None = None) -> Nominal:
        """A subject, which may be a pronoun for the subject before it."""
        if antecedent is not None and antecedent.pronoun and self.chance(0.4):
            return Pronoun(antecedent.pronoun)
        return self.person(verb)

    def object(self, verb: Verb, subject: Nominal | None) -> Nominal:
        """An object that suits the verb, noting the triple where there is an adjective."""
        if "person" in verb.objects and self.chance(0.25):
            return self.name() if self.chance(0.5) else self.other(subject)
        phrase = self.many(self.noun_phrase(fitting_nouns(verb), OBJECT_DETERMINERS, 0.6), 0.22)
        self.note(verb, phrase)
        return phrase

    def note(self, verb: Verb, phrase: NounPhrase) -> None:
        """Remember the triple, if there is one."""
        if phrase.adjective:
            self.triples.append(Triple(verb.english, phrase.noun.english, phrase.adjective))

    def tense(self, verb: Verb, allowed: Span = "any") -> Tense:
        """Present, perfect or a modal verb, as far as the verb and its surroundings allow."""
        dice = self.random.random()
        if allowed == "present" or "present" in verb.traits or dice < 0.4:
            return "present"
        return "perfect" if dice < 0.7 and allowed == "any" else self.choose(MODAL_TENSES)

    def time(self, tense: Tense) -> Phrase:
        """A time that suits the tense."""
        self.timed = True
        return at_time(*self.choose(TIMES_ANY if tense == "perfect" else TIMES_ANY + TIMES_PRESENT))

    def adverb(self, verb: Verb, tense: Tense) -> Phrase:
        """An adverb of manner, or one of frequency where there is no time."""
        manner = [word for word in MANNER if word in verb.traits]
        if tense != "want" and manner and self.chance(0.5):
            return adverb(self.choose(manner))
        if tense in ("present", "perfect") and not self.timed:
            return adverb(self.choose(tuple(FREQUENCY)))
        return EMPTY

    def extras(self, verb: Verb) -> tuple[Phrase, list[Phrase]]:
        """Company, and then the person for whom or the place where or whither."""
        company, extras = EMPTY, []
        if "with" in verb.traits and self.chance(0.25):
            company = with_person(self.noun_phrase(PEOPLE, KNOWN_DETERMINERS, 0.3))
        if "for" in verb.traits and self.chance(0.3):
            extras.append(for_person(self.noun_phrase(PEOPLE, KNOWN_DETERMINERS, 0.3)))
        places = [place for place in PLACES if place.kind in verb.traits and place.noun not in self.used]
        moving = "to" in verb.traits or "from" in verb.traits
        if places and self.chance(0.95 if moving else 0.35):
            place = self.choose(places)
            phrase = self.noun_phrase([NOUNS[place.noun]], ["the", "the", "the", "our", "this"], 0.25)
            extras.append(at_place(place, phrase))
        return company, extras

    def clause(
        self,
        subject: Nominal | None,
        verb: Verb | None = None,
        *,
        plural: bool | None = None,
        allowed: Span = "any",
        relative: bool = False,
        affirmed: bool = False,
        time: float = 0.0,
    ) -> Clause:
        """A clause with its subject; `relative` hangs a relative clause on its object, `time` is a probability.

        Where only the present is allowed, beside "while" and "before", nothing is negated: it would make no sense.
        """
        verb = verb or self.verb(DEEDS if relative else self.able(subject))
        tense = self.tense(verb, allowed)
        if plural is None:
            plural = subject is not None and subject.plural
        clause = Clause(subject, verb, plural, tense)
        if "recipient" in verb.traits:
            clause = clause._replace(recipient=self.recipient(subject))
        if verb.objects:
            clause = clause._replace(object=self.object(verb, subject))
        if not affirmed and allowed != "present" and self.may_negate(clause) and self.chance(0.15):
            clause = clause._replace(negated=True)
        else:
            clause = self.adorned(clause, relative, time)
        if relative and isinstance(clause.object, NounPhrase):
            clause = clause._replace(tail=self.object_description(clause.object))
        return clause

    def adorned(self, clause: Clause, relative: bool, time: float) -> Clause:
        """The clause with time, company, place and adverb, of which a relative clause at the end leaves only some."""
        verb = clause.verb
        if verb is None:
            return clause
        if not relative:
            company, extras = self.extras(verb)
            clause = clause._replace(company=company, extras=extras)
            if not self.timed and self.chance(time):
                clause = clause._replace(time=self.time(clause.tense))
        if clause.company == EMPTY and self.chance(0.3):
            clause = clause._replace(adverb=self.adverb(verb, clause.tense))
        return clause

    def able(self, subject: Nominal | None) -> list[Verb]:
        """The verbs that the subject may have: an animal cannot read."""
        noun = getattr(subject, "noun", None)
        animal = isinstance(noun, Noun) and "animal" in noun.tags
        return [verb for verb in ACTIONS if not animal or "beast" in verb.traits]

    def other(self, subject: Nominal | None) -> Pronoun:
        """An object pronoun that cannot mean the subject itself."""
        taken = subject.pronoun if subject is not None else "we"
        return Pronoun(self.choose([word for word in PRONOUNS if word != taken]))

    def recipient(self, subject: Nominal | None) -> Nominal:
        """Someone known, to whom something is given, shown or sent."""
        if self.chance(0.3):
            return self.name() if self.chance(0.5) else self.other(subject)
        return self.noun_phrase(PEOPLE, KNOWN_DETERMINERS, 0.25)

    def may_negate(self, clause: Clause) -> bool:
        """Whether "nicht" is all that negation needs: no indefinite object, no place, no "must" or "want"."""
        if clause.tense in ("must", "want") or clause.verb is None or clause.verb.traits & {"to", "from"}:
            return False
        known = ("the", "my", "our", "this", "these")
        return not isinstance(clause.object, NounPhrase) or clause.object.determiner in known

    def object_description(self, head: NounPhrase) -> Phrase:
        """A relative clause for an object: what someone does with it, or what a person does."""
        if "person" in head.noun.tags and self.chance(0.5):
            return self.subject_description(head)
        verb = self.verb(verb for verb in TOLD if verb.objects & head.noun.tags)
        self.note(verb, head)
        subject = self.person()
        clause = Clause(subject, verb, subject.plural, self.tense(verb))
        return object_relative(head, self.adorned(clause, relative=True, time=0.0))

    def subject_description(self, head: NounPhrase) -> Phrase:
        """A relative clause about what its head does."""
        return subject_relative(head, self.clause(head))

    def described(self) -> Nominal:
        """A person with a relative clause."""
        head = self.perhaps_many(self.noun_phrase(PEOPLE, ["the", "the", "a", "my", "our", "this"], 0.3))
        return Described(head, self.subject_description(head))

    def predication(self, antecedent: Nominal | None = None) -> Clause:
        """A clause with "to be" and an adjective that suits a person or a thing."""
        if self.chance(0.6):
            subject = self.subject(antecedent)
            adjectives: Sequence[str] = ("tired", "happy", "hungry", "friendly", "clever")
        else:
            phrase = self.noun_phrase(JUDGED_THINGS, KNOWN_DETERMINERS, 0.0)
            subject, adjectives = phrase, [word for word in fitting_adjectives(phrase.noun) if word in JUDGED]
        news = [
            word for word in adjectives if word != getattr(subject, "adjective", "")
        ]  # no "the clever cook is clever"
        return Clause(subject, None, subject.plural, predicate=ADJECTIVES[self.choose(news)])
