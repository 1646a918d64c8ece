"""Clauses: their content, and the word orders of both languages.

Each rule builds the English clause, the German clause and their alignment at once. The random choices are made by
`sampling.py` and `plans.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lexicon import CONJUNCTIONS, MODALS, PARTICLES, Adjective, Tense, Verb
from nominals import Nominal, NounPhrase, Pronoun, RelativePronoun
from phrases import COMMA, EMPTY, Phrase, Rule, arrange, enclose, join, linked, unit


class Clause(NamedTuple):
    """The content of a clause without a word order. `verb` is None for "to be" with a predicate adjective.

    `tail` follows the final verb in German: the relative clause of the object, a that-clause or an infinitive. A clause
    without a subject is the second half of "opens the door and reads a letter".
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
        """Return the parts that the rules of word order refer to.

        An object pronoun takes the place of a recipient, since German puts it before the time.
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
            **_with_particle(_verb_parts(self, question)),
        }


def _with_particle(parts: dict[str, Phrase]) -> dict[str, Phrase]:
    """Make the English particle a separate part, so that a pronoun can stand before it: "picks them up"."""
    english = parts["verb"].english
    if len(english) == 1 or english[-1].text not in PARTICLES:
        return {**parts, "particle": EMPTY}
    return {**parts, "verb": Phrase(english[:-1]), "particle": Phrase(english[-1:])}


def _verb_parts(clause: Clause, question: bool = False) -> dict[str, Phrase]:
    """Return the parts of the verb: English `auxiliary` and `verb`; German `finite` and `final`, or `cluster` for both.

    In a German main clause `finite` is in second place and `final` at the end: a particle, a participle or an infinitive.
    In a subordinate clause `cluster` is at the end.
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


# Word order. English has the verb before its objects and the time last. German has the finite verb second or last and the
# rest of the verb at the end; before it come pronouns and recipients, then the time, then the object.
_ENGLISH = "auxiliary negation adverb verb recipient particle object company extras tail"
_MIDDLE = "adverb company object extras negation"
_STATEMENT = Rule(f"subject {_ENGLISH} time", f"subject finite recipient time {_MIDDLE} final tail")
_FRONTED = Rule(f"time subject {_ENGLISH}", f"time finite subject recipient {_MIDDLE} final tail")
_INVERTED = Rule(f"subject {_ENGLISH} time", f"finite subject recipient time {_MIDDLE} final tail")
_QUESTION = Rule(f"auxiliary subject {_ENGLISH.removeprefix('auxiliary ')} time", _INVERTED.german)
_SUBORDINATE = Rule(f"subject {_ENGLISH} time", f"subject recipient time {_MIDDLE} cluster tail")
_OBJECT_RELATIVE = Rule(
    "object subject auxiliary negation adverb verb recipient particle company extras time",
    "object subject recipient time adverb company extras negation cluster",
)
_INFINITIVE = Rule(
    "opening to verb recipient particle object company extras tail",
    "opening recipient company object extras cluster tail",
)


def statement(clause: Clause) -> Phrase:
    """Return a main clause that starts with its subject: "Anna macht heute die Tür auf"."""
    return arrange(_STATEMENT, clause.parts())


def fronted(clause: Clause) -> Phrase:
    """Return a main clause that starts with its time, so that in German the verb precedes the subject."""
    return arrange(_FRONTED, clause.parts())


def question(clause: Clause, word: tuple[str, str] | None = None) -> Phrase:
    """Return a question, with "why" or without a question word."""
    return join(unit(*word) if word else EMPTY, arrange(_QUESTION, clause.parts(question=True)))


def subordinate(conjunction: str, *clauses: Clause) -> Phrase:
    """Return a subordinate clause, or two joined by "and" after one conjunction, with commas in German."""
    bodies = [arrange(_SUBORDINATE, clause.parts()) for clause in clauses]
    joined = join(bodies[0], *(join(unit("and", "und"), body) for body in bodies[1:]))
    return enclose(join(unit(conjunction, CONJUNCTIONS[conjunction]), joined))


def after_subordinate(first: Phrase, clause: Clause) -> Phrase:
    """Return a main clause after its subordinate clause, which takes the first place, before the German verb."""
    return join(Phrase((*first.english, COMMA), first.german), arrange(_INVERTED, clause.parts()))


def both_clauses(first: Phrase, conjunction: str, second: Phrase) -> Phrase:
    """Join two main clauses by "and" or "but", with a comma before it in both languages and none after "und"."""
    comma = Phrase((COMMA,), (COMMA,))
    if second.german[0] is COMMA:
        second = Phrase(second.english, second.german[1:])
    return join(first, comma, unit(conjunction, {"and": "und", "but": "aber"}[conjunction]), second)


def both_predicates(first: Phrase, second: Clause) -> Phrase:
    """Return a clause with a second predicate for the same subject."""
    return join(first, unit("and", "und"), arrange(_STATEMENT, second.parts()))


def subject_relative(head: NounPhrase, clause: Clause) -> Phrase:
    """Return a relative clause whose pronoun is its subject: "die Frau, die das Buch gekauft hat"."""
    inner = clause._replace(subject=RelativePronoun(head), plural=head.plural)
    return enclose(arrange(_SUBORDINATE, inner.parts()))


def object_relative(head: NounPhrase, clause: Clause) -> Phrase:
    """Return a relative clause whose pronoun is its object: "der Mann, dem Anna hilft"."""
    return enclose(arrange(_OBJECT_RELATIVE, clause._replace(object=RelativePronoun(head)).parts()))


def infinitive(clause: Clause, *, purpose: bool = False) -> Phrase:
    """Return an infinitive with "zu", which is inside a separable verb: "aufzumachen". A purpose starts with "um"."""
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
    parts = _with_particle({**parts, "opening": opening, "to": to, "verb": english, "cluster": german})
    return enclose(arrange(_INFINITIVE, parts))
