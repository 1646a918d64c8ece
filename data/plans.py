"""The structure of sentences: how many clauses they have, and which clause depends on which.

Long sentences are of the same kind as short ones and only have more clauses. `sampling.py` chooses the words.
"""

from collections.abc import Sequence
from typing import NamedTuple

import clauses as rules
from clauses import Clause
from lexicon import VERBS, Verb
from nominals import Nominal
from phrases import EMPTY, Phrase, Sentence, finish, join
from sampling import ACTIONS, DEEDS, Sampler, Span


class _Part(NamedTuple):
    """A main clause with its subordinate clauses: numbers of clauses before it, in it and after it."""

    before: int = 0
    inside: int = 1
    after: int = 0


_PLANS: tuple[tuple[tuple[_Part, ...], ...], ...] = (  # from the shortest sentences to the longest
    ((_Part(),), (_Part(),), (_Part(),), (_Part(after=1),), (_Part(before=1),)),
    ((_Part(inside=2),), (_Part(inside=2),), (_Part(after=1),), (_Part(before=1),), (_Part(), _Part())),
    (
        (_Part(inside=2, after=1),),
        (_Part(after=2),),
        (_Part(before=1, after=1),),
        (_Part(before=1, inside=2),),
        (_Part(after=1), _Part()),
        (_Part(), _Part(inside=2)),
    ),
    (
        (_Part(inside=2, after=1), _Part()),
        (_Part(after=1), _Part(after=1)),
        (_Part(before=1), _Part(inside=2)),
        (_Part(before=1, after=1), _Part()),
        (_Part(inside=2, after=2),),
        (_Part(before=1, inside=2, after=1),),
        (_Part(inside=2), _Part(inside=2)),
        (_Part(after=1), _Part(inside=2)),
        (_Part(after=2), _Part(after=1)),
    ),
)
_SPANS: dict[str, Span] = {  # which tenses the clause and its main clause may have
    "because": "any",
    "although": "any",
    "when": "unfinished",
    "if": "unfinished",
    "while": "present",
    "before": "present",
}
_WITH_CLAUSE = tuple(verb for verb in VERBS.values() if verb.traits & {"that", "whether"})
_WITH_INFINITIVE = tuple(verb for verb in VERBS.values() if "infinitive" in verb.traits)
_WITH_PURPOSE = tuple(verb for verb in VERBS.values() if "purpose" in verb.traits)
_LASTING = tuple(verb for verb in ACTIONS if "lasting" in verb.traits)


def sentence(sampler: Sampler, size: int) -> Sentence:
    """Return a sentence of one of the plans for its size, from 0 (shortest) to 3 (longest)."""
    if size == 0 and sampler.chance(0.2):
        return finish(_question(sampler), "?")
    phrase = EMPTY
    for part in sampler.choose(_PLANS[size]):
        sampler.timed = False
        written = _main(sampler, part)
        phrase = written if phrase == EMPTY else rules.both_clauses(phrase, sampler.choose(("and", "but")), written)
    return finish(phrase)


def _question(sampler: Sampler) -> Phrase:
    """Return a yes-no question or a question with "why"."""
    clause = sampler.clause(sampler.person(), affirmed=True, time=0.2)
    if clause.tense == "want":
        clause = clause._replace(tense="can")
    return rules.question(clause, ("why", "warum") if sampler.chance(0.3) else None)


def _main(sampler: Sampler, part: _Part) -> Phrase:
    """Return a main clause with its subordinate clauses."""
    first, last = (sampler.choose(tuple(_SPANS)) for _ in range(2))
    spans = [_SPANS[first]] * bool(part.before) + [_SPANS[last]] * bool(part.after)
    span: Span = min(spans, key=("present", "unfinished", "any").index, default="any")
    antecedent: Nominal | None = None
    phrase = EMPTY
    if part.before:
        clauses = _subordinate(sampler, first, part.before, None)
        antecedent = clauses[0].subject
        phrase = rules.subordinate(first, *clauses)
    hidden = part.before and part.inside == 2  # a time could neither be fronted nor follow the dependent clause
    clauses = _body(sampler, part.inside, antecedent, span, time=0.0 if hidden else 0.35)
    phrase = _begin(sampler, phrase, clauses)
    if part.after:
        following = _subordinate(sampler, last, part.after, clauses[0].subject)
        phrase = join(phrase, rules.subordinate(last, *following))
    return phrase


def _begin(sampler: Sampler, before: Phrase, clauses: Sequence[Clause]) -> Phrase:
    clause = clauses[0]
    if before != EMPTY:
        phrase = rules.after_subordinate(before, clause)
    elif clause.time != EMPTY and (clause.tail != EMPTY or len(clauses) > 1 or sampler.chance(0.5)):
        phrase = rules.fronted(clause)
    else:
        phrase = rules.statement(clause)
    return phrase if len(clauses) == 1 else rules.both_predicates(phrase, clauses[1])


def _subordinate(sampler: Sampler, conjunction: str, size: int, antecedent: Nominal | None) -> list[Clause]:
    """Return the clauses after one conjunction: a clause of this size, or two clauses with a subject each."""
    span = _SPANS.get(conjunction, "any")
    if span == "present":
        sampler.timed = True
    if size == 2 and sampler.chance(0.3):
        first = _body(sampler, 1, antecedent, span)[0]
        return [first, *_body(sampler, 1, None, span)]
    if size == 1 and span != "present" and sampler.chance(0.35):
        return [sampler.predication(antecedent)]
    if conjunction == "while":
        verb = sampler.verb(_LASTING)
        return [sampler.clause(sampler.subject(antecedent, verb), verb, allowed=span)]
    return _body(sampler, size, antecedent, span)


def _body(sampler: Sampler, size: int, antecedent: Nominal | None, span: Span, time: float = 0.0) -> list[Clause]:
    """Return one clause; for size 2, one with another clause inside it, or two clauses that share a subject."""
    if size == 1:
        return [_plain(sampler, antecedent, span, time)]
    shapes = (_described_subject, _described_object, _described_object, _governing, _trying, _purpose, _two_deeds)
    return sampler.choose(shapes)(sampler, antecedent, span, time)


def _plain(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> Clause:
    """Return a clause without another one inside it; rarely "to be" with an adjective."""
    if time and antecedent is None and sampler.chance(0.08):
        return sampler.predication()
    verb = sampler.verb(ACTIONS)
    return sampler.clause(sampler.subject(antecedent, verb), verb, allowed=span, time=time)


def _described_subject(sampler: Sampler, _: Nominal | None, span: Span, time: float) -> list[Clause]:
    subject = sampler.described()
    return [sampler.clause(subject, sampler.verb(ACTIONS), allowed=span, time=time)]


def _described_object(sampler: Sampler, antecedent: Nominal | None, span: Span, _: float) -> list[Clause]:
    return [sampler.clause(sampler.subject(antecedent), allowed=span, relative=True)]


def _governing(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> list[Clause]:
    verb = sampler.verb(_WITH_CLAUSE)
    conjunction = "that" if "that" in verb.traits else "whether"
    clause = _clause_of(sampler, sampler.subject(antecedent), verb, span, time)
    content = _subordinate(sampler, conjunction, 1, clause.subject)
    return [clause._replace(tail=rules.subordinate(conjunction, *content))]


def _trying(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> list[Clause]:
    clause = _clause_of(sampler, sampler.subject(antecedent), sampler.verb(_WITH_INFINITIVE), span, time)
    return [clause._replace(tail=rules.infinitive(_deed(sampler, clause.subject)))]


def _purpose(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> list[Clause]:
    clause = _clause_of(sampler, sampler.subject(antecedent), sampler.verb(_WITH_PURPOSE), span, time)
    if clause.verb is not None:
        clause = clause._replace(extras=sampler.extras(clause.verb)[1])
    return [clause._replace(tail=rules.infinitive(_deed(sampler, clause.subject), purpose=True))]


def _clause_of(sampler: Sampler, subject: Nominal, verb: Verb, span: Span, time: float) -> Clause:
    """Return a clause without object and adverb, to which the clause that its verb governs is added."""
    tense = sampler.tense(verb, span)
    tense = tense if tense == "perfect" else "present"
    clause = Clause(subject, verb, subject.plural, tense)
    return clause._replace(time=sampler.time(tense)) if sampler.chance(time) else clause


def _deed(sampler: Sampler, subject: Nominal | None) -> Clause:
    """Return a clause without a subject, with an object: what someone tries to do."""
    verb = sampler.verb(DEEDS)
    clause = Clause(None, verb, object=sampler.object(verb, subject))
    if "recipient" in verb.traits:
        clause = clause._replace(recipient=sampler.recipient(subject))
    return clause


def _two_deeds(sampler: Sampler, antecedent: Nominal | None, _: Span, time: float) -> list[Clause]:
    subject = sampler.subject(antecedent)
    first = sampler.clause(subject, sampler.verb(ACTIONS), allowed="present", affirmed=True)
    if sampler.chance(time):
        first = first._replace(time=sampler.time("present"))
    second = sampler.clause(None, sampler.verb(ACTIONS), plural=subject.plural, allowed="present", affirmed=True)
    return [first, second]
