"""The report page about one or several runs: scores, conditions, learning curves, and every sentence with attention maps.

The page contains its data in full as JSON, for its script and for recomputing the figures:

    all of `Comparison.as_record`, and in each of its runs
      curves: name -> [[step, value], ...]; view: which attention weights are shown; no_view: why there are none
    sentences    number, from 1; length of the source in words; source, reference, kind
      outputs    one per run: text; score: sentence BLEU
        attention  source, target: words joined by spaces; weights: percentages in base64, one byte each, a row per
                   target word; or a sentence that says why there is no map; null if the run has no attention weights
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch

from translator.errors import UsageError
from translator.evaluation.comparison import sentence_scores
from translator.jobs.compare.compare import Comparison
from translator.jobs.compare.evaluate import leak_notice
from translator.jobs.compare.tables import GROUPINGS, condition_tables, score_tables
from translator.jobs.inspect.attention import NOTICE, AttentionMap, AttentionViewer
from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.load import load
from translator.report.chart import Chart, Line
from translator.report.curves import CURVES, learning_curves
from translator.report.page import render
from translator.report.tables import Table
from translator.runs.folder import JOURNAL, HeldOut, RunFolder
from translator.text.words import split_words
from translator.training.journal import read_journal

Curves: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]

_MAX_POINTS = 128
"""Points of each learning curve."""
_MAX_WEIGHTS = 1_500_000
"""Attention weights of all runs on a page, which keeps it below 3 MB; the longest sentences are left out."""
_BLOCK_SIZE = 64
"""Sentences whose attention maps are in memory at a time."""
_TOO_LONG, _BLANK = "the sentence is too long for a map on this page", "the source is empty"


class RunAttention(NamedTuple):
    """The attention maps of a run, one per sentence, as the page's script reads them."""

    view: str | None
    why_not: str | None
    maps: Sequence[object]


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
    for run, row in zip(runs, comparison.rows, strict=True):
        run_curves = learning_curves(read_journal(run.path / JOURNAL).events, _MAX_POINTS).items()
        curves.append({name: [(step, value) for step, value in curve.points] for name, curve in run_curves})
        working(f"computing the attention maps of {run.place}")
        best, max_weights = row.evaluation.best, _MAX_WEIGHTS // len(runs)
        attention.append(_attention(run, comparison.test, best, device=device, max_weights=max_weights))
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
    }
    return render("page.html", page, data_of(comparison, curves, attention), scripts=("map.js", "page.js"))


def _score_tables(comparison: Comparison) -> list[Table]:
    """Return the tables of scores; the last has a note with all that is needed to repeat them."""
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


def _attention(
    run: RunFolder, test: HeldOut, best: Sequence[Candidate], *, device: torch.device, max_weights: int
) -> RunAttention:
    """Return the attention maps of a run's translations, of the shortest sentences if all would be too many."""
    try:
        viewer = AttentionViewer(load(run, device=device), run, layer=None, head=None)
    except UsageError as error:  # the model has no attention weights
        return RunAttention(None, error.problem, [None] * len(best))
    pairs = list(zip(test.source, best, strict=True))
    blocks = (pairs[first : first + _BLOCK_SIZE] for first in range(0, len(pairs), _BLOCK_SIZE))
    maps = [_as_data(shown, max_weights) for block in blocks for shown in viewer.view_translations(block)]
    sizes = [len(data["weights"]) if isinstance(data, dict) else 0 for data in maps]
    # The longest sentences lose their maps until the rest fits.
    shortest_first = np.argsort(sizes, kind="stable")
    for number in shortest_first[np.cumsum(np.take(sizes, shortest_first)) > max_weights]:
        maps[number] = _TOO_LONG
    return RunAttention(viewer.view.title, None, maps)


def _as_data(attention_map: AttentionMap | None, max_weights: int) -> object:
    """Return a map as the page's script reads it, or the reason why there is none."""
    if attention_map is None:
        return _BLANK
    if attention_map.num_truncated or len(attention_map.token_weight.ravel()) > max_weights:
        return _TOO_LONG
    percent = np.rint(100 * attention_map.weight).clip(0, 100).astype(np.uint8)
    return {
        "source": " ".join(attention_map.source.words),
        "target": " ".join(attention_map.target.words),
        "weights": base64.b64encode(percent.tobytes()).decode(),
    }


def data_of(comparison: Comparison, curves: Sequence[Curves], attention: Sequence[RunAttention]) -> object:
    """Return the data of the page, as described at the top of this file."""
    test, evaluations = comparison.test, [row.evaluation for row in comparison.rows]
    scores = [
        sentence_scores(evaluation.hypotheses, test.target, others=test.others, tokenizer=evaluation.tokenizer)
        for evaluation in evaluations
    ]
    sentences = []
    for number, source in enumerate(test.source):
        outputs = [
            {"text": evaluation.best[number].text, "score": run_scores[number], "attention": run_attention.maps[number]}
            for evaluation, run_scores, run_attention in zip(evaluations, scores, attention, strict=True)
        ]
        sentence = {
            "number": number + 1,
            "length": len(split_words(source)),
            "source": source,
            "reference": test.target[number],
            "kind": test.kinds[number] if test.kinds else None,
            "outputs": outputs,
        }
        sentences.append(sentence)
    details: list[dict[str, object]] = [
        {"curves": run_curves, "view": run_attention.view, "no_view": run_attention.why_not}
        for run_curves, run_attention in zip(curves, attention, strict=True)
    ]
    return comparison.as_record(details) | {"sentences": sentences}
