"""The report page about one or several runs: scores, conditions, learning curves, and every sentence with attention maps.

The page contains its data in full as JSON, for its script and for recomputing the figures:

    all of `Comparison.as_record`, and in each of its runs
      curves: name -> [[step, value], ...]; no_view: why there are no attention weights
      views: the kinds, layers and heads (null: the average) of the weights; default: which view is shown first
    sentences    number, from 1; length of the source in words; source, kind
      reference  a list of the words, each with the spaces after it, so that joined they are the text
      outputs    one per run: words, as for the reference; score: sentence BLEU
        attention  source, target, previous: words joined by spaces; weights: percentages in base64, see `packed`, of all views
                   or of the default alone, each a row per query; or a sentence that says why there is no map; null if the run
                   has no attention weights
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import torch

from translator.jobs.compare.compare import Comparison
from translator.jobs.compare.evaluate import leak_notice
from translator.jobs.compare.tables import GROUPINGS, condition_tables, score_tables
from translator.jobs.inspect.attention import NOTICE
from translator.jobs.show.report_attention import MAX_MAP_BYTES, RunAttention, run_attention
from translator.jobs.show.terms import TERMS
from translator.report.chart import Chart, Line
from translator.report.curves import CURVES, learning_curves
from translator.report.page import render
from translator.report.tables import Table
from translator.runs.folder import JOURNAL, RunFolder
from translator.text.words import cut_words, split_words
from translator.training.journal import read_journal

Curves: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]

_MAX_POINTS = 128
"""Points of each learning curve."""


def report(
    comparison: Comparison,
    runs: Sequence[RunFolder],
    *,
    device: torch.device,
    working: Callable[[str], None] = lambda _: None,
) -> str:
    """Return the page about a comparison of these runs as HTML; `working` is called with what is being done.

    Raises ModelError if a journal is damaged.
    """
    curves, attention = [], []
    order = _by_difference([row.sentence_bleu for row in comparison.rows])
    for run, row in zip(runs, comparison.rows, strict=True):
        run_curves = learning_curves(read_journal(run.path / JOURNAL).events, _MAX_POINTS).items()
        curves.append({name: [(step, value) for step, value in curve.points] for name, curve in run_curves})
        working(f"computing the attention maps of {run.place}")
        best, max_bytes = row.evaluation.best, MAX_MAP_BYTES // len(runs)
        attention.append(run_attention(run, comparison.test, best, order=order, device=device, max_bytes=max_bytes))
    return page_of(comparison, curves, attention)


def page_of(comparison: Comparison, curves: Sequence[Curves], attention: Sequence[RunAttention]) -> str:
    """Return the page as HTML; `curves` and `attention` have one entry per run."""
    names, notices, curve_charts = comparison.names, [*comparison.all_notices], list[Chart]()
    for evaluation in (row.evaluation for row in comparison.rows):
        leak = [leak_notice(evaluation.leaked, len(evaluation.best))] if evaluation.leaked else []
        notices += [f"{evaluation.run}: {notice}" for notice in leak]
    for curve, kind in CURVES.items():
        lines = [Line(name, run_curves[curve]) for name, run_curves in zip(names, curves, strict=True)]
        curve_charts.append(Chart(kind.title, "updates", lines))
    page = {
        "title": f"{'Comparison of' if len(names) > 1 else 'Report on'} {' and '.join(names)}",
        "verdict": comparison.verdict,
        "runs": names,
        "notices": notices,
        "scores": _score_tables(comparison),
        "conditions": condition_tables(comparison),
        "groups": _group_charts(comparison),
        "curves": curve_charts,
        "attention_notice": NOTICE,
        "terms": TERMS,
    }
    return render("page.html", page, data_of(comparison, curves, attention), scripts=("map.js", "page.js"))


def _score_tables(comparison: Comparison) -> list[Table]:
    """Return the tables of scores; the note of the last one says how to repeat them."""
    *tables, scores = score_tables(comparison)
    how = f"{len(comparison.test.target):,} sentences, {comparison.decoding.summary}; {scores.note}"
    signatures = (f"{score.metric}: {score.signature}" for score in comparison.rows[0].evaluation.scores)
    return [*tables, scores._replace(note=". ".join([how, *signatures]))]


def _group_charts(comparison: Comparison) -> list[Chart]:
    """Return the scores of groups of sentences or words, one chart per grouping that the test set allows."""
    charts = []
    for grouping, (title, counted, _) in GROUPINGS.items():
        lines, labels = [], list[tuple[str, str]]()
        for evaluation in (row.evaluation for row in comparison.rows):
            groups = getattr(evaluation, grouping)
            points = [(place, score) for place, (_, _, score) in enumerate(groups) if score is not None]
            lines.append(Line(evaluation.run, points))
            labels = labels or [(name, f"({count:,})") for name, count, _ in groups]  # a run may have no groups
        if labels:
            charts.append(Chart(title, f"group ({counted})", lines, labels))
    return charts


def _by_difference(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return the sentences in the first order of the page: those where the runs, or run and reference, differ most come first."""
    # Negative differences, so that the largest one is sorted first.
    key = scores[0] if len(scores) == 1 else np.min(scores, 0) - np.max(scores, 0)
    return [int(number) for number in np.argsort(key, kind="stable")]


def data_of(comparison: Comparison, curves: Sequence[Curves], attention: Sequence[RunAttention]) -> object:
    """Return the data of the page, as described at the top of this file."""
    test, sentences = comparison.test, []
    for number, source in enumerate(test.source):
        outputs = [
            {
                "words": cut_words(row.evaluation.best[number].text),
                "score": row.sentence_bleu[number],
                "attention": maps[number],
            }
            for row, (*_, maps) in zip(comparison.rows, attention, strict=True)
        ]
        sentence = {
            "number": number + 1,
            "length": len(split_words(source)),
            "source": source,
            "reference": cut_words(test.target[number]),
            "kind": test.kinds[number] if test.kinds else None,
            "outputs": outputs,
        }
        sentences.append(sentence)
    details: list[dict[str, object]] = [
        {"curves": run_curves, **maps.as_record()} for run_curves, maps in zip(curves, attention, strict=True)
    ]
    return comparison.as_record(details) | {"sentences": sentences}
