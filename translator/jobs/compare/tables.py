"""The results of evaluations and comparisons as tables: scores, scores of groups, and what was equal or not."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from translator.evaluation.comparison import Difference, Gap, GroupScore
from translator.evaluation.frequency import WordScore
from translator.evaluation.metrics import Score
from translator.evaluation.seeds import OverSeeds
from translator.jobs.compare.compare import Comparison, Row
from translator.jobs.compare.evaluate import Evaluation, RunFacts, leak_notice
from translator.jobs.compare.outputs import Output
from translator.jobs.compare.tune import Tuning
from translator.report.chart import text_of
from translator.report.tables import Results, Table, number


class Grouping(NamedTuple):
    """A way to group sentences or words."""

    title: str
    counted: str
    metric: str


GROUPINGS = {
    "by_length": Grouping("BLEU by words of the source", "sentences", "BLEU"),
    "by_kind": Grouping("BLEU by kind of sentence", "sentences", "BLEU"),
    "by_frequency": Grouping("F1 of words by times in training", "words", "F1"),
}
"""The attributes of `Scored` with scores of groups."""
_DIRECTIONS = "higher is better; TER: lower is better"
_PAIRED = "95 % intervals in brackets; p by paired bootstrap, corrected for the number of tests (Holm 1979)"
_FIRST = "test set of the run that this one started from"
_CONDITIONS = "differs between the runs but is not what is being compared; rejected with --strict"


class Scored(Protocol):
    """The scores of a system."""

    @property
    def scores(self) -> list[Score]: ...
    @property
    def by_length(self) -> list[GroupScore]: ...
    @property
    def by_kind(self) -> list[GroupScore]: ...
    @property
    def by_frequency(self) -> list[WordScore]: ...


def evaluation_results(evaluation: Evaluation, first: Evaluation | None = None) -> Results:
    """Return the results of scoring a run, and those on the test set of its first run if it was fine-tuned."""
    tables, notes = _evaluation_tables(evaluation), _evaluation_notes(evaluation)
    if first:
        tables += [table._replace(title=f"{table.title}, {_FIRST}") for table in _evaluation_tables(first)]
        notes += [f"{note}, {_FIRST}" for note in _evaluation_notes(first)]
    more = {"num_sentences": len(evaluation.best), "decoding": evaluation.decoding.model_dump(mode="json")}
    record = evaluation.as_record() | more | ({"first": first.as_record()} if first else {})
    return Results([*tables, signature_table(evaluation)], record, [record], notes=notes)


def _evaluation_notes(evaluation: Evaluation) -> list[str]:
    """Return a warning if test pairs are training pairs, and the time that translating took."""
    num_sentences, seconds = len(evaluation.best), evaluation.seconds
    speed = f"{num_sentences:,} sentences in {seconds:.1f} s, {num_sentences / max(seconds, 1e-9):.0f} per second"
    return [*([leak_notice(evaluation.leaked, num_sentences)] if evaluation.leaked else []), speed]


def _evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Return a row per score, group of sentences and group of words."""
    tables = single_tables(evaluation.run, evaluation)
    if alignment := evaluation.alignment:
        cells = [number(value, 3) for value in (alignment.error_rate, alignment.precision, alignment.recall)]
        row = ["AER", cells[0], "(lower is better)", *cells[1:]]
        tables.append(
            Table("Alignment error rate", ["metric", "score", "", "precision", "recall"], [row], alignment.view)
        )
    if protected := evaluation.protected:
        share = number(100 * protected.num_kept / max(protected.num_strings, 1), 2)
        row = ["kept", share, "(higher is better)", f"{protected.num_strings:,}"]
        tables.append(Table("Protected strings", ["metric", "per cent", "", "in the sources"], [row]))
    return tables


def single_tables(name: str, scored: Scored) -> list[Table]:
    """Return a table of all scores of a system and one of each grouping, with a row per score."""
    rows = [
        [score.metric, number(score.value, 2), f"({score.direction})", f"{score.low:.2f} to {score.high:.2f}"]
        for score in scored.scores
    ]
    tables = [Table(f"Scores of {name}", ["metric", "score", "", "95 % interval"], rows)]
    for grouping, (title, counted, metric) in GROUPINGS.items():
        rows = [[group, number(score, 2), f"{count:,}"] for group, count, score in getattr(scored, grouping)]
        if rows:
            tables.append(Table(f"{title} (higher is better)", ["group", metric, counted], rows))
    return tables


def signature_table(scored: Scored) -> Table:
    """Return the signature of each metric: scores are comparable only if their signatures are equal."""
    return Table("Signatures", ["metric", "signature"], [[score.metric, score.signature] for score in scored.scores])


def output_results(outputs: Sequence[Output], num_sentences: int) -> Results:
    """Return the scores of one system, or of several in one table with paired tests against the first."""
    names, systems = [output.system for output in outputs], [output.scored for output in outputs]
    if len(outputs) == 1:
        tables = single_tables(names[0], systems[0])
    else:
        standings = _standings_against_first(outputs)
        head = ["system", "BLEU", f"BLEU against {names[0]}", *(score.metric for score in systems[0].scores[1:])]
        rows = [
            [name, str(system.scores[0]), standing, *map(str, system.scores[1:])]
            for name, system, standing in zip(names, systems, standings, strict=True)
        ]
        note = f"{_PAIRED}{_reasons([output.test for output in outputs if output.test])}"
        tables = [Table(f"Scores ({_DIRECTIONS})", head, rows, note), *group_tables(names, systems, "system")]
    records = [output.as_record() for output in outputs]
    record = {"num_sentences": num_sentences, "systems": records}
    return Results([*tables, signature_table(systems[0])], record, records, notes=[f"{num_sentences:,} sentences"])


def _standings_against_first(outputs: Sequence[Output]) -> list[str]:
    """Return how far each system is above the first, with "best" for the highest BLEU, as in `_standings`."""
    values, (_, *tests) = [output.scored.scores[0].value for output in outputs], [output.test for output in outputs]
    highest = values.index(max(values))
    # All tests are about the first system; about another one that is best, there is one test.
    relevant = tests if highest == 0 else tests[highest - 1 : highest]
    label = _best(values, [test for test in relevant if test])
    gaps = ["the first", *(f"{'+' if test.delta > 0 else ''}{below(test)}" for test in tests if test)]
    return [f"{label}, {gap}" if value == max(values) else gap for value, gap in zip(values, gaps, strict=True)]


def tuning_results(tuning: Tuning) -> Results:
    """Return the validation BLEU of each value, and how to use the best one."""
    rows = [
        [f"{value:g}", number(score, 2), "best" if value == tuning.best else ""] for value, score in tuning.bleu.items()
    ]
    table = Table("Validation BLEU (higher is better)", [tuning.setting, "BLEU", ""], rows)
    record = {"setting": f"decoding.{tuning.setting}", "validation_bleu": tuning.bleu, "best": tuning.best}
    systems = [{tuning.setting: value, "validation_bleu": score} for value, score in tuning.bleu.items()]
    return Results([table], record, systems, notes=[f"best: --set decoding.{tuning.setting}={tuning.best:g}"])


def comparison_results(comparison: Comparison, *, with_sentences: bool = False) -> Results:
    """Return the results of a comparison, with the sentences that differ most in its record and, if wanted, its notes."""
    systems = [row.evaluation for row in comparison.rows]
    tables = [*score_tables(comparison), *group_tables(comparison.names, systems), *condition_tables(comparison)]
    notes = [f"{len(comparison.test.source):,} sentences, {comparison.decoding.summary}"]
    if with_sentences:
        notes = [*(line for row in comparison.rows for line in _sentence_lines(comparison, row)), *notes]
    details: list[dict[str, object]] = [{"most_different": _most_different(comparison, row)} for row in comparison.rows]
    record = comparison.as_record(details) | {"num_sentences": len(comparison.test.source)}
    tables.append(signature_table(systems[0]))
    return Results(tables, record, _system_records(comparison), comparison.verdict, notes)


def score_tables(comparison: Comparison) -> list[Table]:
    """Return the scores over seeds, if there are several, and each run's scores with intervals and tests."""
    tables = []
    if seeds := comparison.seeds:
        tests = [score.difference for score in seeds.configs]
        standings = _standings([score.mean for score in seeds.configs], tests)
        rows = [
            [score.config, f"{score.mean:.1f}", f"{score.deviation:.1f}", standing]
            for score, standing in zip(seeds.configs, standings, strict=True)
        ]
        head = ["config", "mean BLEU", "standard deviation", "mean below the best"]
        note = f"{seeds.num_seeds} seeds each; 95 % intervals and p by Welch's t test over seeds{_reasons(tests)}"
        tables.append(Table("Scores over seeds (higher is better)", head, rows, note))
        tables.append(_seed_table(seeds, comparison.names))
    tests, scores = [row.test for row in comparison.rows], [row.evaluation.scores for row in comparison.rows]
    standings = _standings([several[0].value for several in scores], tests)
    head = ["run", "BLEU", "BLEU below the best", *(score.metric for score in scores[0][1:])]
    rows = [
        [name, str(several[0]), standing, *map(str, several[1:])]
        for name, several, standing in zip(comparison.names, scores, standings, strict=True)
    ]
    note = f"{_PAIRED}{_reasons(tests)}"
    return [*tables, Table(f"Scores of each run ({_DIRECTIONS})", head, rows, note)]


def _seed_table(seeds: OverSeeds, names: Sequence[str]) -> Table:
    """Return the paired test of each seed of a config with the same seed of the best one."""
    rows = [[names[pair.other], names[pair.best], below(pair.test)] for pair in seeds.pairs]
    note = f"{_PAIRED}{_reasons([pair.test for pair in seeds.pairs])}"
    return Table("Runs of the same seed", ["run", "run of the best config", "BLEU below it"], rows, note)


def _standings(values: Sequence[float], tests: Sequence[Difference]) -> list[str]:
    """Return how far each system is below the best one, which is labelled by `_best`."""
    best = max(values)
    label = _best(values, [test for value, test in zip(values, tests, strict=True) if value < best])
    return [label if value == best else below(test) for value, test in zip(values, tests, strict=True)]


def _best(values: Sequence[float], tests: Sequence[Difference]) -> str:
    """Return the label of the highest value, given the tests of its differences from others."""
    if values.count(max(values)) > 1:
        return "best, tied"
    return "best" if all(test.is_significant for test in tests) else "best, not significantly"


def below(test: Difference) -> str:
    """Return a difference with its interval and p-value; why there is no test is shortened to fit into a column."""
    return f"{test.delta:.1f} (too few differ)" if test.reason else str(test)


def _reasons(tests: Sequence[Difference]) -> str:
    """Return why some differences have no p-value, as the end of a note."""
    reasons = dict.fromkeys(test.reason for test in tests if test.reason)
    return "".join(f"; {reason}" for reason in reasons)


def group_tables(names: Sequence[str], systems: Sequence[Scored], what: str = "run") -> list[Table]:
    """Return the scores of groups of sentences or words, with a row per system."""
    tables = []
    for name, (title, counted, _) in GROUPINGS.items():
        labels: dict[str, set[int]] = {}
        for system in systems:  # some systems may have no groups; counts may differ if there are several references
            for group, count, _ in getattr(system, name):
                labels.setdefault(group, set()).add(count)
        if labels:
            counts = {group: f" ({min(several):,})" if len(several) == 1 else "" for group, several in labels.items()}
            scores = [{group: score for group, _, score in getattr(system, name)} for system in systems]
            rows = [
                [system, *(number(found.get(group), 1) for group in labels)]
                for system, found in zip(names, scores, strict=True)
            ]
            head = [what, *(f"{group}{counts[group]}" for group in labels)]
            tables.append(Table(f"{title} (higher is better; {counted} in brackets)", head, rows))
    return tables


def condition_tables(comparison: Comparison) -> list[Table]:
    """Return a table of unequal conditions, if there are any, and one of what is needed to repeat each run."""
    head, num_sentences = ["", *comparison.names], len(comparison.test.source)
    facts = []
    for name in RunFacts._fields:
        values = (getattr(row.facts, name) for row in comparison.rows)
        cells = [value if isinstance(value, str) else text_of(value) for value in values]
        facts.append([name.removeprefix("num_").replace("_", " "), *cells])
    seconds = [max(row.evaluation.seconds, 1e-9) for row in comparison.rows]
    facts.append(["sentences translated per second", *(f"{num_sentences / each:.0f}" for each in seconds)])
    facts.append(["test pairs in training data", *(f"{len(row.evaluation.leaked):,}" for row in comparison.rows)])
    unequal = [[condition.name, *condition.values] for condition in comparison.conditions]
    conditions = [Table("Unequal conditions", head, unequal, _CONDITIONS)] if unequal else []
    return [*conditions, Table("Each run", head, facts)]


def _system_records(comparison: Comparison) -> list[dict[str, object]]:
    """Return the numbers of each run, with those of its config over the seeds if there are several."""
    systems = []
    for index, row in enumerate(comparison.rows):
        conditions = {condition.name: condition.values[index] for condition in comparison.conditions}
        configs = comparison.seeds.configs if comparison.seeds else []
        config = next((score for score in configs if index in score.rows), None)
        over_seeds = {"config": config.config, "mean": config.mean, "deviation": config.deviation} if config else {}
        facts = {"facts": row.facts, "paired_test": row.test, "conditions": conditions}
        systems.append({**row.evaluation.as_record(), **facts, **({"over_seeds": over_seeds} if config else {})})
    return systems


def _most_different(comparison: Comparison, row: Row) -> dict[str, list[dict[str, object]]]:
    return {
        side: [gap._asdict() | _sentence(comparison, row, gap) for gap in gaps]
        for side, gaps in row.most_different._asdict().items()
    }


def _sentence(comparison: Comparison, row: Row, gap: Gap) -> dict[str, str]:
    index = gap.number - 1
    return {
        "source": comparison.test.source[index],
        "reference": comparison.test.target[index],
        "best_translation": comparison.rows[comparison.best].evaluation.hypotheses[index],
        "other_translation": row.evaluation.hypotheses[index],
    }


def _sentence_lines(comparison: Comparison, row: Row) -> list[str]:
    """Return the sentences that this run and the best run translate most differently, in both directions."""
    lines, best, this = [], comparison.names[comparison.best], row.evaluation.run
    for better, worse, gaps in zip((best, this), (this, best), row.most_different, strict=True):
        if not gaps:
            continue
        lines.append(f"Sentences where {better} is furthest above {worse}, by sentence BLEU:")
        for gap in gaps:
            labels = f"{gap.number}", "reference", f"{best} {gap.best:.1f}", f"{this} {gap.other:.1f}"
            texts = zip(labels, _sentence(comparison, row, gap).values(), strict=True)
            lines += ["", *(f"  {label}: {text}" for label, text in texts)]
        lines.append("")
    return lines
