"""Random choices: the words and parts of a clause, chosen so that the sentence makes some sense.

`nominals.py` and `clauses.py` turn the choices into phrases of both languages, `plans.py` combines clauses.
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

_OBJECT_DETERMINERS = ["the", "the", "the", "the", "a", "a", "a", "my", "my", "our", "our", "this"]
_SUBJECT_DETERMINERS = ["the", "the", "the", "the", "a", "my", "my", "our", "our", "this"]
_PLURAL_DETERMINERS = ["the", "the", "my", "our", "these", "two", "three", ""]
_PLURAL_SUBJECT_DETERMINERS = ["the", "the", "my", "our", "these", "two", "three"]
_KNOWN_DETERMINERS = ["the", "the", "my", "our"]
_PEOPLE = tuple(noun for noun in NOUNS.values() if "person" in noun.tags)
_ANIMALS = tuple(noun for noun in NOUNS.values() if "animal" in noun.tags)
_JUDGED = frozenset("interesting long funny dirty clean hot cold fresh sweet good expensive cheap heavy".split())
ACTIONS = tuple(verb for verb in VERBS.values() if not verb.traits & {"that", "whether", "infinitive"})
DEEDS = tuple(verb for verb in ACTIONS if verb.objects)
Span = Literal["any", "unfinished", "present"]
_TOLD = tuple(verb for verb in DEEDS if verb.english not in ("eat", "drink", "show", "give", "send"))
_MODAL_TENSES: tuple[Tense, ...] = ("can", "must", "should", "want")


class Triple(NamedTuple):
    """A verb, the noun that is its object and the adjective of that noun, in English."""

    verb: str
    noun: str
    adjective: str


@cache
def _fitting_nouns(verb: Verb) -> tuple[Noun, ...]:
    """Return the nouns that the verb may take as its object."""
    return tuple(noun for noun in NOUNS.values() if noun.tags & verb.objects)


@cache
def _fitting_adjectives(noun: Noun) -> tuple[str, ...]:
    """Return the adjectives that suit the noun."""
    return tuple(adjective.english for adjective in ADJECTIVES.values() if adjective.tags & noun.tags)


def _suits(determiner: str, noun: Noun) -> bool:
    """Return whether the determiner suits the noun: not everything can be "mine", and "a sister" is odd."""
    if determiner in ("my", "our"):
        return "own" in noun.tags
    return determiner not in ("a", "this", "these", "") or "kin" not in noun.tags


def all_triples() -> list[Triple]:
    """Return every combination of verb, object and adjective that the lexicon allows."""
    return [
        Triple(verb.english, noun.english, adjective)
        for verb in DEEDS
        for noun in _fitting_nouns(verb)
        for adjective in _fitting_adjectives(noun)
    ]


_JUDGED_THINGS = tuple(noun for noun in NOUNS.values() if set(_fitting_adjectives(noun)) & set(_JUDGED))


class Sampler:
    """Draws a single sentence. It remembers the words that the sentence has used, to avoid repetition.

    `triples` are the combinations of verb, object and adjective in the sentence.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.triples: list[Triple] = []
        self.used: set[str] = set()
        self.timed = False

    def choose(self, items: Sequence[Item]) -> Item:
        """Return one item, all equally likely. Only `random()` is used, which is the same in every version of Python."""
        return items[int(self.random.random() * len(items))]

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < probability

    def _noun(self, nouns: Iterable[Noun]) -> Noun:
        """Return a noun that the sentence has not used yet, if there is one."""
        pool = list(nouns)
        chosen = self.choose([noun for noun in pool if noun.english not in self.used] or pool)
        self.used.add(chosen.english)
        return chosen

    def verb(self, verbs: Iterable[Verb]) -> Verb:
        """Return a verb that the sentence has not used yet, if there is one."""
        pool = list(verbs)
        chosen = self.choose([verb for verb in pool if verb.english not in self.used] or pool)
        self.used.add(chosen.english)
        return chosen

    def _noun_phrase(self, nouns: Iterable[Noun], determiners: Sequence[str], adjective: float) -> NounPhrase:
        """Return a noun phrase in the singular, with an adjective with probability `adjective`."""
        noun = self._noun(nouns)
        word = self.choose(_fitting_adjectives(noun)) if self.chance(adjective) else ""
        determiner = self.choose([determiner for determiner in determiners if _suits(determiner, noun)])
        if not noun.plural and determiner == "a":
            determiner = ""
        return NounPhrase(determiner, word, noun)

    def _many(self, phrase: NounPhrase, probability: float) -> NounPhrase:
        """Return the noun phrase, in the plural with this probability."""
        if not phrase.noun.plural or not self.chance(probability):
            return phrase
        return self.plural(phrase, _PLURAL_DETERMINERS)

    def plural(self, phrase: NounPhrase, determiners: Sequence[str]) -> NounPhrase:
        """Return the noun phrase in the plural with one of the determiners."""
        fitting = [determiner for determiner in determiners if _suits(determiner, phrase.noun)]
        return phrase._replace(determiner=self.choose(fitting), plural=True)

    def name(self) -> Name:
        """Return a name that the sentence has not used yet."""
        name = self.choose([name for name in NAMES if name not in self.used] or list(NAMES))
        self.used.add(name)
        return Name(name)

    def person(self, verb: Verb | None = None) -> Nominal:
        """Return someone who acts: a name, a person, a pronoun, two people, or for some verbs an animal."""
        dice = self.random.random()
        if dice < 0.22:
            return self.name()
        if dice < 0.30:
            return Pronoun(self.choose(("he", "she", "we", "they")))
        if dice < 0.37:
            return Both(self.name(), self._noun_phrase(_PEOPLE, _KNOWN_DETERMINERS, 0.3))
        nouns = _PEOPLE + _ANIMALS if verb and "beast" in verb.traits else _PEOPLE
        phrase = self._noun_phrase(nouns, _SUBJECT_DETERMINERS, 0.3)
        return self._perhaps_many(phrase)

    def _perhaps_many(self, phrase: NounPhrase) -> NounPhrase:
        """Return a subject, sometimes in the plural, always with a determiner."""
        return self.plural(phrase, _PLURAL_SUBJECT_DETERMINERS) if self.chance(0.22) else phrase

    def subject(self, antecedent: Nominal | None, verb: Verb | None = None) -> Nominal:
        """Return a subject, which may be a pronoun for the previous subject."""
        if antecedent is not None and antecedent.pronoun and self.chance(0.4):
            return Pronoun(antecedent.pronoun)
        return self.person(verb)

    def object(self, verb: Verb, subject: Nominal | None) -> Nominal:
        """Return an object that suits the verb, and note its triple."""
        if "person" in verb.objects and self.chance(0.25):
            return self.name() if self.chance(0.5) else self._other(subject)
        phrase = self._many(self._noun_phrase(_fitting_nouns(verb), _OBJECT_DETERMINERS, 0.6), 0.22)
        self._note(verb, phrase)
        return phrase

    def _note(self, verb: Verb, phrase: NounPhrase) -> None:
        """Add the triple if the phrase has an adjective."""
        if phrase.adjective:
            self.triples.append(Triple(verb.english, phrase.noun.english, phrase.adjective))

    def tense(self, verb: Verb, allowed: Span = "any") -> Tense:
        """Return present, perfect or a modal verb, as far as the verb and `allowed` permit."""
        dice = self.random.random()
        if allowed == "present" or "present" in verb.traits or dice < 0.4:
            return "present"
        return "perfect" if dice < 0.7 and allowed == "any" else self.choose(_MODAL_TENSES)

    def time(self, tense: Tense) -> Phrase:
        """Return a time that suits the tense."""
        self.timed = True
        return at_time(*self.choose(TIMES_ANY if tense == "perfect" else TIMES_ANY + TIMES_PRESENT))

    def adverb(self, verb: Verb, tense: Tense) -> Phrase:
        """Return an adverb of manner, one of frequency if the sentence has no time, or nothing."""
        manner = [word for word in MANNER if word in verb.traits]
        if tense != "want" and manner and self.chance(0.5):
            return adverb(self.choose(manner))
        if tense in ("present", "perfect") and not self.timed:
            return adverb(self.choose(tuple(FREQUENCY)))
        return EMPTY

    def extras(self, verb: Verb) -> tuple[Phrase, list[Phrase]]:
        """Return (companion, [beneficiary, place]), each only if the verb permits it."""
        company, extras = EMPTY, []
        if "with" in verb.traits and self.chance(0.25):
            company = with_person(self._noun_phrase(_PEOPLE, _KNOWN_DETERMINERS, 0.3))
        if "for" in verb.traits and self.chance(0.3):
            extras.append(for_person(self._noun_phrase(_PEOPLE, _KNOWN_DETERMINERS, 0.3)))
        places = [place for place in PLACES if place.kind in verb.traits and place.noun not in self.used]
        moving = "to" in verb.traits or "from" in verb.traits
        if places and self.chance(0.95 if moving else 0.35):
            place = self.choose(places)
            phrase = self._noun_phrase([NOUNS[place.noun]], ["the", "the", "the", "our", "this"], 0.25)
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
        """Return a clause with its subject. With `relative` its object has a relative clause; `time` is a probability.

        If only the present is allowed, with "while" and "before", the clause is not negated, which would make no sense.
        """
        verb = verb or self.verb(DEEDS if relative else self._able(subject))
        tense = self.tense(verb, allowed)
        if plural is None:
            plural = subject is not None and subject.plural
        clause = Clause(subject, verb, plural, tense)
        if "recipient" in verb.traits:
            clause = clause._replace(recipient=self.recipient(subject))
        if verb.objects:
            clause = clause._replace(object=self.object(verb, subject))
        if not affirmed and allowed != "present" and self._may_negate(clause) and self.chance(0.15):
            clause = clause._replace(negated=True)
        else:
            clause = self._adorned(clause, relative, time)
        if relative and isinstance(clause.object, NounPhrase):
            clause = clause._replace(tail=self._object_description(clause.object))
        return clause

    def _adorned(self, clause: Clause, relative: bool, time: float) -> Clause:
        """Return the clause with time, companion, place and adverb; with a relative clause at the end, only with the adverb."""
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

    def _able(self, subject: Nominal | None) -> list[Verb]:
        """Return the verbs that suit the subject: an animal cannot read."""
        noun = getattr(subject, "noun", None)
        animal = isinstance(noun, Noun) and "animal" in noun.tags
        return [verb for verb in ACTIONS if not animal or "beast" in verb.traits]

    def _other(self, subject: Nominal | None) -> Pronoun:
        """Return an object pronoun that cannot refer to the subject."""
        taken = subject.pronoun if subject is not None else "we"
        return Pronoun(self.choose([word for word in PRONOUNS if word != taken]))

    def recipient(self, subject: Nominal | None) -> Nominal:
        """Return someone to whom something is given, shown or sent."""
        if self.chance(0.3):
            return self.name() if self.chance(0.5) else self._other(subject)
        return self._noun_phrase(_PEOPLE, _KNOWN_DETERMINERS, 0.25)

    def _may_negate(self, clause: Clause) -> bool:
        """Return whether "nicht" is enough to negate the clause: no indefinite object, no direction, no "must" or "want"."""
        if clause.tense in ("must", "want") or clause.verb is None or clause.verb.traits & {"to", "from"}:
            return False
        known = ("the", "my", "our", "this", "these")
        return not isinstance(clause.object, NounPhrase) or clause.object.determiner in known

    def _object_description(self, head: NounPhrase) -> Phrase:
        """Return a relative clause about an object: what someone does with it, or what the person does."""
        if "person" in head.noun.tags and self.chance(0.5):
            return self._subject_description(head)
        verb = self.verb(verb for verb in _TOLD if verb.objects & head.noun.tags)
        self._note(verb, head)
        subject = self.person()
        clause = Clause(subject, verb, subject.plural, self.tense(verb))
        return object_relative(head, self._adorned(clause, relative=True, time=0.0))

    def _subject_description(self, head: NounPhrase) -> Phrase:
        """Return a relative clause about what its head does."""
        return subject_relative(head, self.clause(head))

    def described(self) -> Nominal:
        """Return a person with a relative clause."""
        head = self._perhaps_many(self._noun_phrase(_PEOPLE, ["the", "the", "a", "my", "our", "this"], 0.3))
        return Described(head, self._subject_description(head))

    def predication(self, antecedent: Nominal | None = None) -> Clause:
        """Return a clause with "to be" and an adjective that suits the person or thing."""
        if self.chance(0.6):
            subject = self.subject(antecedent)
            adjectives: Sequence[str] = ("tired", "happy", "hungry", "friendly", "clever")
        else:
            phrase = self._noun_phrase(_JUDGED_THINGS, _KNOWN_DETERMINERS, 0.0)
            subject, adjectives = phrase, [word for word in _fitting_adjectives(phrase.noun) if word in _JUDGED]
        # not "the clever cook is clever"
        fitting = [word for word in adjectives if word != getattr(subject, "adjective", "")]
        return Clause(subject, None, subject.plural, predicate=ADJECTIVES[self.choose(fitting)])
