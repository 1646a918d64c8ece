"""The text that `translator compare` prints."""

import csv
import io
import json
import re
from typing import Any

from translator.cli.console import as_json
from translator.cli.tables import render
from translator.decoding.settings import DecodingSettings
from translator.evaluation.comparison import NO_DIFFERENCE, Difference, Gap, MostDifferent
from translator.evaluation.metrics import score_all
from translator.evaluation.seeds import over_seeds
from translator.jobs.compare.compare import Comparison, Row
from translator.jobs.compare.conditions import Condition
from translator.jobs.compare.evaluate import Evaluation, RunFacts
from translator.jobs.compare.tables import comparison_results
from translator.jobs.translate.candidates import Candidate
from translator.runs.folder import HeldOut

TEST = HeldOut(["a dog", "the cat", "a [red]bird[/red]"], ["ein Hund", "die Katze", "ein Vogel"], None)
FACTS = RunFacts("transformer", seed=1, steps=10, final="step 10", num_parameters=1000, training_seconds=1.5)


def row(name: str, translations: list[str]) -> Row:
    best = [Candidate(text, 0.0, 0.0, True, ()) for text in translations]
    evaluation = Evaluation(
        name, DecodingSettings(), score_all(translations, TEST.references), [], [], [], best, 1.0, [], []
    )
    gaps = MostDifferent([Gap(2, 100.0, 5.0)], [Gap(3, 0.0, 60.0)])
    return Row(evaluation, FACTS, NO_DIFFERENCE, gaps if name != "best" else MostDifferent([], []), [])


def comparison(**changes: Any) -> Comparison:
    rows = [row("best", ["ein Hund", "die Katze", "x"]), row("other", ["ein Hund", "y", "ein Vogel"])]
    found = Comparison("best is best.", 0, rows, TEST, DecodingSettings(), [Condition("steps", ["10", "20"])])
    return found._replace(**changes)


def plain_text(compared: Comparison, *, with_sentences: bool = False) -> str:
    return render(comparison_results(compared, with_sentences=with_sentences), "text")


def test_unequal_conditions_are_in_the_table_and_sentences_are_optional() -> None:
    text = plain_text(comparison(), with_sentences=False)
    assert text.startswith("best is best.\n\n")
    assert "Unequal conditions\n       best  other\nsteps    10     20\n" in text
    assert "rejected with --strict" in text
    assert "the cat" not in text
    text = plain_text(comparison(), with_sentences=True)
    best, other = (
        text.index("Sentences where best is furthest above other"),
        text.index("where other is furthest above best"),
    )
    assert best < text.index("  2: the cat\n  reference: die Katze\n  best 100.0: die Katze\n  other 5.0: y\n") < other
    assert other < text.index(
        "  3: a [red]bird[/red]\n  reference: ein Vogel\n  best 0.0: x\n  other 60.0: ein Vogel\n"
    )


def test_equal_conditions_are_not_mentioned() -> None:
    assert "nequal" not in plain_text(comparison(conditions=[]))


def test_the_table_over_seeds_comes_first() -> None:
    rows = [*comparison().rows, *comparison().rows]
    systems = [row.evaluation.hypotheses for row in rows]
    found = over_seeds(["demo", "mine"], [31.0, 33.5, 20.0, 21.0], systems=systems, references=TEST.references)
    lines = plain_text(comparison(rows=rows, seeds=found, conditions=[])).splitlines()
    assert [" ".join(line.split()) for line in lines[2:6]] == [
        "Scores over seeds (higher is better)",
        "config mean BLEU standard deviation mean below the best",
        "demo 32.2 1.8 best",
        f"mine 20.5 0.7 {found.configs[1].difference}",
    ]
    record = list(
        csv.DictReader(
            io.StringIO(render(comparison_results(comparison(rows=rows, seeds=found, conditions=[])), "csv"))
        )
    )
    assert [line["over_seeds.mean"] for line in record] == ["32.25", "32.25", "20.5", "20.5"]


def test_too_few_differing_sentences_are_reported_instead_of_a_p_value() -> None:
    test = Difference(0.2, 0.1, 0.3, None, "too few sentences differ to tell: 4 of 600")
    best, other = comparison().rows
    low = [score._replace(value=score.value - 1) for score in other.evaluation.scores]
    other = other._replace(evaluation=other.evaluation._replace(scores=low), test=test)
    compared = comparison(rows=[best, other])
    text = plain_text(compared)
    assert re.search(r"^best .* best, not significantly  ", text, re.MULTILINE)
    assert "0.2 (too few differ)" in text
    assert "; too few sentences differ to tell: 4 of 600" in text
    record = compared.as_record([{}, {}])
    assert json.loads(as_json(record))["runs"][1]["paired_test"] == test._asdict()


def test_a_line_feed_in_a_run_name_does_not_break_the_table() -> None:
    def lines_with(name: str) -> list[str]:
        rows = [row(name, ["ein Hund", "die Katze", "x"]), *comparison().rows[1:]]
        return plain_text(comparison(rows=rows), with_sentences=True).splitlines()

    assert len(lines_with("my\nrun")) == len(lines_with("my run"))
    assert lines_with("my\nrun")[4].split()[0] == "my\\x0arun"
