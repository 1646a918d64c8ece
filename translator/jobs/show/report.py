"""The page of a comparison, or of one run: what was found, how training went, each sentence and where the models looked.

The page carries its figures as data as well, in full, for its script and for whoever wants to compute them again:

    all of `Comparison.record`, and of each of its runs
      curves: name -> [[step, value], ...]; view: which weights are shown; no_view: why there are none
    sentences    number, from 1; length of the source in words; source, reference, kind
      outputs    one a run: text; score: sentence BLEU
        attention  source, target: words with a space between; weights: percent, a byte each, a row a target word, base64;
                   or a sentence that says why it is not drawn; none where no sentence of the run is
"""

import base64
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch

from translator.errors import UsageError
from translator.evaluation.comparison import sentence_scores
from translator.jobs.compare.compare import Comparison
from translator.jobs.compare.evaluate import Evaluation, RunFacts, leak_notice
from translator.jobs.inspect.attention import NOTICE, AttentionMap, AttentionViewer
from translator.jobs.translate.translator import Candidate, load
from translator.report.chart import Chart, Line, text_of
from translator.report.curves import learning_curves
from translator.report.page import Table, render
from translator.runs.folder import JOURNAL, HeldOut, RunFolder
from translator.training.journal import read_journal

Curves: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]
CURVES = {
    "loss": "Training loss, label-smoothed",
    "validation_loss": "Validation loss",
    "bleu": "Validation BLEU, greedy search",
    "speed": "Target tokens per second",
    "learning_rate": "Learning rate",
}
"""The curves, each with its title."""
_MAX_POINTS = 128
"""Points of each learning curve."""
MAX_PARAMETERS = 1_500_000
"""Weights of all runs in a page, which keeps it below 3 MB; the longest sentences give way."""
TOGETHER = 64
"""Sentences whose maps are in memory together."""
TOO_LONG, BLANK = "the sentence is too long to be drawn here", "nothing was looked at"


class ReportPage(NamedTuple):
    """What `page.html` shows."""

    title: str
    verdict: str
    runs: list[str]
    notices: list[str]
    scores: list[Table]
    conditions: list[Table]
    groups: list[Chart]
    curves: list[Chart]
    attention_notice: str


class Look(NamedTuple):
    """Where a run looked in each sentence, as the page has it."""

    view: str | None
    why_not: str | None
    maps: Sequence[object]


def report(comparison: Comparison, runs: Sequence[RunFolder], *, device: torch.device) -> str:
    """The page of a comparison of these runs, as HTML. Raises ModelError where a journal is damaged."""
    curves = [_curves(run) for run in runs]
    most = MAX_PARAMETERS // len(runs)
    looks = [
        look(run, comparison.test, row.evaluation.best, device=device, most_weights=most)
        for run, row in zip(runs, comparison.rows, strict=True)
    ]
    return page_of(comparison, curves, looks)


def _curves(run: RunFolder) -> Curves:
    records, _ = read_journal(run.path / JOURNAL)
    curves = learning_curves(records, _MAX_POINTS)
    return {name: [(step, value) for step, value in curves[name].points] for name in CURVES}


def page_of(comparison: Comparison, curves: Sequence[Curves], looks: Sequence[Look]) -> str:
    """The page of what was collected."""
    names = comparison.names
    page = ReportPage(
        title=f"{'Comparison of' if len(names) > 1 else 'Report on'} {' and '.join(names)}",
        verdict=comparison.verdict,
        runs=names,
        notices=[f"{row.evaluation.run}: {notice}" for row in comparison.rows for notice in notices(row.evaluation)],
        scores=score_tables(comparison),
        conditions=condition_tables(comparison),
        groups=group_charts(comparison),
        curves=curve_charts(names, curves),
        attention_notice=NOTICE,
    )
    return render("page.html", page, data_of(comparison, curves, looks), script="page.js")


def notices(evaluation: Evaluation) -> list[str]:
    """What spoils the scores of a run."""
    leak = [leak_notice(evaluation.leaked, len(evaluation.best))] if evaluation.leaked else []
    return [*leak, *evaluation.notices]


def score_tables(comparison: Comparison) -> list[Table]:
    """Each score with its interval, each run against the best; and over seeds, where several were trained."""
    decoding, scores = comparison.decoding, comparison.rows[0].evaluation.scores
    rows = [
        [
            row.evaluation.run,
            *map(str, row.evaluation.scores),
            "the best" if number == comparison.best else str(row.test),
        ]
        for number, row in enumerate(comparison.rows)
    ]
    note = (
        f"{len(comparison.test.target):,} sentences, {decoding.search} search, beam size {decoding.beam_size}, length "
        f"penalty {decoding.length_penalty:g}. Brackets hold 95 % intervals; p by paired bootstrap, corrected (Holm "
        f"1979). TER: lower is better. BLEU: {scores[0].signature}"
    )
    tables = [
        Table("Scores of each run", ["run", *(score.metric for score in scores), "BLEU below the best"], rows, note)
    ]
    if comparison.seeds:
        head = ["config", "mean BLEU", "standard deviation", "mean below the best"]
        rows = [
            [one.config, f"{one.mean:.1f}", f"{one.deviation:.1f}", str(one.difference)]
            for one in comparison.seeds.configs
        ]
        note = f"{comparison.seeds.num_seeds} seeds each; 95 % intervals and p by Welch's t test over seeds."
        tables.insert(0, Table("Scores over seeds", head, rows, note))
    return tables


def condition_tables(comparison: Comparison) -> list[Table]:
    """What was unequal, and what must be known of each run to repeat it."""
    head = ["", *comparison.names]
    unequal = [[condition.name, *condition.values] for condition in comparison.conditions]
    facts = [
        [name.replace("_", " "), *(cell(getattr(row.facts, name)) for row in comparison.rows)]
        for name in RunFacts._fields
    ]
    return [*([Table("Unequal conditions", head, unequal)] if unequal else []), Table("Each run", head, facts)]


def cell(value: object) -> str:
    """A fact as text."""
    return text_of(value) if isinstance(value, int | float) else str(value)


def group_charts(comparison: Comparison) -> list[Chart]:
    """Scores of some of the sentences or words, for each way to group them that there is."""
    evaluations = [row.evaluation for row in comparison.rows]
    charts = [
        group_chart("BLEU by words of the source", "sentences", [(one.run, one.by_length) for one in evaluations]),
        group_chart("BLEU by kind of sentence", "sentences", [(one.run, one.by_kind) for one in evaluations]),
        group_chart("F1 of words by times in training", "words", [(one.run, one.by_frequency) for one in evaluations]),
    ]
    return [chart for chart in charts if chart.groups]


def group_chart(title: str, counted: str, runs: Sequence[tuple[str, Sequence[tuple[str, int, float | None]]]]) -> Chart:
    """(name, count, score) of each group, for each run."""
    groups = max((groups for _, groups in runs), key=len)
    lines = [
        Line(name, [(place, score) for place, (_, _, score) in enumerate(groups) if score is not None])
        for name, groups in runs
    ]
    return Chart(title, f"group ({counted})", lines, [(name, f"({count:,})") for name, count, _ in groups])


def curve_charts(names: Sequence[str], curves: Sequence[Curves]) -> list[Chart]:
    """Each learning curve of all runs."""
    return [
        Chart(title, "updates", [Line(name, one[curve]) for name, one in zip(names, curves, strict=True)])
        for curve, title in CURVES.items()
    ]


def look(run: RunFolder, test: HeldOut, best: Sequence[Candidate], *, device: torch.device, most_weights: int) -> Look:
    """Where the run looked in its translations, the shortest sentences first until the page has enough."""
    try:
        viewer = AttentionViewer(load(run, device=device), run, layer=None, head=None)
    except UsageError as error:  # of a model without such weights
        return Look(None, error.problem, [None] * len(best))
    pairs = list(zip(test.source, best, strict=True))
    blocks = (pairs[first : first + TOGETHER] for first in range(0, len(pairs), TOGETHER))
    maps = [drawable(seen, most_weights) for block in blocks for seen in viewer.view_translations(block)]
    sizes = [len(one["weights"]) if isinstance(one, dict) else 0 for one in maps]
    for number, total in zip(order := np.argsort(sizes, kind="stable"), np.cumsum(np.take(sizes, order)), strict=True):
        if total > most_weights:
            maps[number] = TOO_LONG
    return Look(viewer.view.title, None, maps)


def drawable(seen: AttentionMap | None, most_weights: int) -> object:
    """A map as the page's script reads it, or why there is none."""
    if seen is None:
        return BLANK
    if seen.num_truncated or len(seen.token_weight.ravel()) > most_weights:
        return TOO_LONG
    percent = np.rint(100 * seen.weight).clip(0, 100).astype(np.uint8)
    weights = base64.b64encode(percent.tobytes()).decode()
    return {"source": " ".join(seen.source.words), "target": " ".join(seen.target.words), "weights": weights}


def data_of(comparison: Comparison, curves: Sequence[Curves], looks: Sequence[Look]) -> object:
    """The data of the page, see above."""
    test, evaluations = comparison.test, [row.evaluation for row in comparison.rows]
    scores = [sentence_scores(one.hypotheses, test.target) for one in evaluations]
    sentences = [
        {
            "number": number + 1,
            "length": len(source.split()),
            "source": source,
            "reference": test.target[number],
            "kind": test.kinds[number] if test.kinds else None,
            "outputs": [
                {"text": one.best[number].text, "score": score[number], "attention": seen.maps[number]}
                for one, score, seen in zip(evaluations, scores, looks, strict=True)
            ],
        }
        for number, source in enumerate(test.source)
    ]
    details: list[dict[str, object]] = [
        {"curves": drawn, "view": seen.view, "no_view": seen.why_not} for drawn, seen in zip(curves, looks, strict=True)
    ]
    return comparison.as_record(details) | {"sentences": sentences}
