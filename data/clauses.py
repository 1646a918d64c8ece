"""Clauses: what they say, and the two word orders in which they say it.

Each rule builds the English clause, the German clause and their alignment at once. Nothing is drawn at random here:
`sampling.py` and `plans.py` make the choices.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lexicon import CONJUNCTIONS, MODALS, PARTICLES, Adjective, Tense, Verb
from nominals import Nominal, NounPhrase, Pronoun, RelativePronoun
from phrases import COMMA, EMPTY, Phrase, Rule, arrange, enclose, join, linked, unit


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
            **with_particle(verb_parts(self, question)),
        }


def with_particle(parts: dict[str, Phrase]) -> dict[str, Phrase]:
    """The English particle as a part of its own, so that a pronoun stands before it: "picks them up"."""
    english = parts["verb"].english
    if len(english) == 1 or english[-1].text not in PARTICLES:
        return {**parts, "particle": EMPTY}
    return {**parts, "verb": Phrase(english[:-1]), "particle": Phrase(english[-1:])}


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
        english, german = ["have", "has"], {"haben": "haben hat", "sein": "sind ist"}[verb.auxiliary].split()
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
_ENGLISH = "auxiliary negation adverb verb recipient particle object company extras tail"
_MIDDLE = "adverb company object extras negation"
STATEMENT = Rule(f"subject {_ENGLISH} time", f"subject finite recipient time {_MIDDLE} final tail")
FRONTED = Rule(f"time subject {_ENGLISH}", f"time finite subject recipient {_MIDDLE} final tail")
INVERTED = Rule(f"subject {_ENGLISH} time", f"finite subject recipient time {_MIDDLE} final tail")
QUESTION = Rule(f"auxiliary subject {_ENGLISH.removeprefix('auxiliary ')} time", INVERTED.german)
SUBORDINATE = Rule(f"subject {_ENGLISH} time", f"subject recipient time {_MIDDLE} cluster tail")
OBJECT_RELATIVE = Rule(
    "object subject auxiliary negation adverb verb recipient particle company extras time",
    "object subject recipient time adverb company extras negation cluster",
)
INFINITIVE = Rule(
    "opening to verb recipient particle object company extras tail",
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
    """Two main clauses joined by "and" or "but", with a comma in both languages, but none behind "und"."""
    comma = Phrase((COMMA,), (COMMA,))
    if second.german[0] is COMMA:
        second = Phrase(second.english, second.german[1:])
    return join(first, comma, unit(conjunction, {"and": "und", "but": "aber"}[conjunction]), second)


def both_predicates(first: Phrase, second: Clause) -> Phrase:
    """One subject that does two things."""
    return join(first, unit("and", "und"), arrange(STATEMENT, second.parts()))


def subject_relative(head: NounPhrase, clause: Clause) -> Phrase:
    """A relative clause whose pronoun is its subject: "die Frau, die das Buch gekauft hat"."""
    inner = clause._replace(subject=RelativePronoun(head), plural=head.plural)
    return enclose(arrange(SUBORDINATE, inner.parts()))


def object_relative(head: NounPhrase, clause: Clause) -> Phrase:
    """A relative clause whose pronoun is its object: "der Mann, dem Anna hilft"."""
    return enclose(arrange(OBJECT_RELATIVE, clause._replace(object=RelativePronoun(head)).parts()))


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
    parts = with_particle({**parts, "opening": opening, "to": to, "verb": english, "cluster": german})
    return enclose(arrange(INFINITIVE, parts))
