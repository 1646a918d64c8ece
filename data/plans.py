"""The shapes of sentences: how many clauses, which of them hang on which.

Long sentences are not harder in kind than short ones, they only have more clauses. The words in the clauses come from
`sampling.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import clauses as rules
from clauses import Clause
from lexicon import VERBS, Verb
from nominals import Nominal
from phrases import EMPTY, Phrase, Sentence, finish, join
from sampling import ACTIONS, DEEDS, Sampler, Span


class Part(NamedTuple):
    """A main clause with its subordinate clauses: how many clauses stand before it, in it and after it."""

    before: int = 0
    inside: int = 1
    after: int = 0


PLANS: tuple[tuple[tuple[Part, ...], ...], ...] = (  # from the shortest sentences to the longest
    ((Part(),), (Part(),), (Part(),), (Part(after=1),), (Part(before=1),)),
    ((Part(inside=2),), (Part(inside=2),), (Part(after=1),), (Part(before=1),), (Part(), Part())),
    (
        (Part(inside=2, after=1),),
        (Part(after=2),),
        (Part(before=1, after=1),),
        (Part(before=1, inside=2),),
        (Part(after=1), Part()),
        (Part(), Part(inside=2)),
    ),
    (
        (Part(inside=2, after=1), Part()),
        (Part(after=1), Part(after=1)),
        (Part(before=1), Part(inside=2)),
        (Part(before=1, after=1), Part()),
        (Part(inside=2, after=2),),
        (Part(before=1, inside=2, after=1),),
        (Part(inside=2), Part(inside=2)),
        (Part(after=1), Part(inside=2)),
        (Part(after=2), Part(after=1)),
    ),
)
SPANS: dict[str, Span] = {  # which tenses the clause and its main clause may have
    "because": "any",
    "although": "any",
    "when": "unfinished",
    "if": "unfinished",
    "while": "present",
    "before": "present",
}
WITH_CLAUSE = tuple(verb for verb in VERBS.values() if verb.traits & {"that", "whether"})
WITH_INFINITIVE = tuple(verb for verb in VERBS.values() if "infinitive" in verb.traits)
WITH_PURPOSE = tuple(verb for verb in VERBS.values() if "purpose" in verb.traits)
LASTING = tuple(verb for verb in ACTIONS if "lasting" in verb.traits)


def sentence(sampler: Sampler, size: int) -> Sentence:
    """A sentence by one of the plans of its size: 0 the shortest, 3 the longest."""
    if size == 0 and sampler.chance(0.2):
        return finish(question(sampler), "?")
    phrase = EMPTY
    for part in sampler.choose(PLANS[size]):
        sampler.timed = False
        written = main(sampler, part)
        phrase = written if phrase == EMPTY else rules.both_clauses(phrase, sampler.choose(("and", "but")), written)
    return finish(phrase)


def question(sampler: Sampler) -> Phrase:
    """A question: yes or no, or why."""
    clause = sampler.clause(sampler.person(), affirmed=True, time=0.2)
    if clause.tense == "want":
        clause = clause._replace(tense="can")
    return rules.question(clause, ("why", "warum") if sampler.chance(0.3) else None)


def main(sampler: Sampler, part: Part) -> Phrase:
    """A main clause with its subordinate clauses."""
    first, last = (sampler.choose(tuple(SPANS)) for _ in range(2))
    spans = [SPANS[first]] * bool(part.before) + [SPANS[last]] * bool(part.after)
    span: Span = min(spans, key=("present", "unfinished", "any").index, default="any")
    antecedent: Nominal | None = None
    phrase = EMPTY
    if part.before:
        clauses = subordinate(sampler, first, part.before, None)
        antecedent = clauses[0].subject
        phrase = rules.subordinate(first, *clauses)
    hidden = part.before and part.inside == 2  # a time can neither be fronted nor follow what hangs on the clause
    clauses = body(sampler, part.inside, antecedent, span, time=0.0 if hidden else 0.35)
    phrase = _begin(sampler, phrase, clauses)
    if part.after:
        following = subordinate(sampler, last, part.after, clauses[0].subject)
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


def subordinate(sampler: Sampler, conjunction: str, size: int, antecedent: Nominal | None) -> list[Clause]:
    """What one conjunction opens: a clause of the size, or two clauses with a subject each."""
    span = SPANS.get(conjunction, "any")
    if span == "present":
        sampler.timed = True
    if size == 2 and sampler.chance(0.3):
        first = body(sampler, 1, antecedent, span)[0]
        return [first, *body(sampler, 1, None, span)]
    if size == 1 and span != "present" and sampler.chance(0.35):
        return [sampler.predication(antecedent)]
    if conjunction == "while":
        verb = sampler.verb(LASTING)
        return [sampler.clause(sampler.subject(antecedent, verb), verb, allowed=span)]
    return body(sampler, size, antecedent, span)


def body(sampler: Sampler, size: int, antecedent: Nominal | None, span: Span, time: float = 0.0) -> list[Clause]:
    """One clause; of size 2, a clause with another inside, or two clauses that share their subject."""
    if size == 1:
        return [plain(sampler, antecedent, span, time)]
    shapes = (_described_subject, _described_object, _described_object, _governing, _trying, _purpose, _two_deeds)
    return sampler.choose(shapes)(sampler, antecedent, span, time)


def plain(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> Clause:
    """A clause without another one, rarely a mere predication."""
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
    verb = sampler.verb(WITH_CLAUSE)
    conjunction = "that" if "that" in verb.traits else "whether"
    clause = _clause_of(sampler, sampler.subject(antecedent), verb, span, time)
    content = subordinate(sampler, conjunction, 1, clause.subject)
    return [clause._replace(tail=rules.subordinate(conjunction, *content))]


def _trying(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> list[Clause]:
    clause = _clause_of(sampler, sampler.subject(antecedent), sampler.verb(WITH_INFINITIVE), span, time)
    return [clause._replace(tail=rules.infinitive(_deed(sampler, clause.subject)))]


def _purpose(sampler: Sampler, antecedent: Nominal | None, span: Span, time: float) -> list[Clause]:
    clause = _clause_of(sampler, sampler.subject(antecedent), sampler.verb(WITH_PURPOSE), span, time)
    if clause.verb is not None:
        clause = clause._replace(extras=sampler.extras(clause.verb)[1])
    return [clause._replace(tail=rules.infinitive(_deed(sampler, clause.subject), purpose=True))]


def _clause_of(sampler: Sampler, subject: Nominal, verb: Verb, span: Span, time: float) -> Clause:
    """A clause with neither object nor adverb, ready for what its verb governs; a time in it is fronted."""
    tense = sampler.tense(verb, span)
    tense = tense if tense == "perfect" else "present"
    clause = Clause(subject, verb, subject.plural, tense)
    return clause._replace(time=sampler.time(tense)) if sampler.chance(time) else clause


def _deed(sampler: Sampler, subject: Nominal | None) -> Clause:
    """What someone tries to do: something done to something."""
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
