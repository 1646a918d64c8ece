"""Measure the chapters of the story and describe the results as a table and an HTML page.

Each claim of the page is a statement with a condition on the results. If the condition does not hold, the page says so.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from translator.errors import DataError, UsageError
from translator.evaluation.comparison import Difference, check_same, paired_bootstrap
from translator.evaluation.metrics import References, Score
from translator.jobs.compare.evaluate import evaluate_run
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.story.chapters import CHAPTERS, PlannedChapter
from translator.jobs.translate.load import load
from translator.report.chart import Chart, Line
from translator.report.page import render
from translator.runs.folder import HeldOut, RunFolder

_FASTER = 1.05
"""Ratio of speeds from which on a model counts as faster; smaller ones may be noise of a shared machine."""


class Result(NamedTuple):
    """The measurements of one chapter."""

    bleu: Score
    by_length: dict[str, float]  # BLEU by length of the source, short sentences first
    by_kind: dict[str, float]  # BLEU of sentences with and without combinations of words unseen in training
    architecture: str
    num_parameters: int
    speed: float  # target tokens per second of training
    memory: float | None = None  # peak memory of training in MB; None if unknown
    error_rate: float | None = None  # of alignment; None if there are no attention weights
    difference: Difference | None = None  # from the previous chapter; None for the first chapter

    @property
    def short(self) -> float:
        return next(iter(self.by_length.values()))

    @property
    def long(self) -> float:
        return list(self.by_length.values())[-1]


class Verdict(NamedTuple):
    """Whether a claim holds, and the figures that show it."""

    holds: bool
    figures: str


@dataclass(frozen=True)
class Story:
    """The content of the table and the page."""

    results: dict[str, Result]  # by name of the chapter
    conditions: dict[str, str]
    title: ClassVar = "The story of attention"
    columns: ClassVar = "model, compared with, BLEU, 25+ words, unseen, AER, parameters, tokens/s, memory".split(", ")
    chapters: ClassVar = tuple(CHAPTERS.values())

    def step(self, name: str, *outcomes: str) -> Verdict:
        """Return whether the difference from the previous chapter has one of these outcomes."""
        difference, previous = self.results[name].difference, CHAPTERS[name].previous
        if difference is None:
            return Verdict(False, f"{self.results[name].bleu.value:.1f} BLEU, the first model")
        gap = f"{abs(difference.delta):.1f} BLEU {'below' if difference.delta < 0 else 'above'} {previous}"
        if difference.reason:
            return Verdict("alike" in outcomes, f"{gap} ({difference.reason})")
        significance = "significant" if difference.is_significant else "not significant"
        interval = f"95 % interval {difference.low:+.1f} to {difference.high:+.1f}, {difference.evidence}"
        return Verdict(difference.outcome in outcomes, f"{gap}, {significance} ({interval})")

    def faster(self, name: str, *others: str) -> Verdict:
        """Return whether a model trains clearly faster than any of the others."""
        ratios = [self.results[name].speed / self.results[other].speed for other in others]
        speeds = ", ".join(f"{model} {self.results[model].speed:,.0f}" for model in (name, *others))
        return Verdict(max(ratios) >= _FASTER, f"{speeds} tokens/s")

    def summary(self, name: str) -> str:
        """Return what a chapter changes and what that brings, in one sentence."""
        idea, previous = CHAPTERS[name].idea, CHAPTERS[name].previous
        ratio = self.results[name].speed / self.results[previous].speed if previous else None
        return f"{idea}: {self.step(name).figures}{'' if ratio is None else f'; it trains {speed_in_words(ratio)}'}."

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of the table, one per chapter, with cells as in `columns`."""
        rows = list[tuple[str, ...]]()
        for name, result in self.results.items():
            error_rate = "" if result.error_rate is None else f"{result.error_rate:.2f}"
            memory = "" if result.memory is None else f"{result.memory:,.0f} MB"
            scores = str(result.bleu), f"{result.long:.1f}", f"{result.by_kind['unseen']:.1f}", error_rate
            costs = f"{result.num_parameters:,}", f"{result.speed:,.0f}", memory
            rows.append((name, CHAPTERS[name].previous or "", *scores, *costs))
        return rows

    def markdown(self) -> str:
        rows = [(*row, self.summary(row[0])) for row in self.rows()]
        lines = ((*self.columns, "what it brings"), ("---",) * len(rows[0]), *rows)
        table = [f"| {' | '.join(cells)} |" for cells in lines]
        return "\n".join([*table, "", *(f"- {name}: {value}" for name, value in self.conditions.items())])

    def lengths(self, name: str) -> str:
        """Return BLEU of each group of lengths, in words."""
        return ", ".join(f"{bleu:.1f} BLEU at {group}" for group, bleu in self.results[name].by_length.items())

    @property
    def verdict(self) -> str:
        """The main result, in one sentence."""
        return f"Additive attention scores {self.step('additive').figures}."

    @property
    def chart(self) -> Chart:
        """BLEU by length of three models."""
        names = ("fixed-vector", "additive", "transformer")
        lines = [Line(name, list(enumerate(self.results[name].by_length.values()))) for name in names]
        groups = [(group.removesuffix(" words"), "words") for group in self.results["additive"].by_length]
        return Chart("BLEU by length of the source", "length", lines, groups)

    def page(self) -> str:
        return render("story.html", self, None)


def speed_in_words(ratio: float) -> str:
    if ratio >= _FASTER:
        return f"{ratio:.1f} times as fast"
    return f"{1 / ratio:.1f} times slower" if ratio * _FASTER <= 1 else "equally fast"


def measure(planned: Sequence[PlannedChapter], runs: Sequence[RunFolder], *, device: torch.device) -> Story:
    """Translate the test set with all runs and score the translations.

    Raises DataError if the runs were trained or tested on different sentences.
    """
    names, test = [plan.chapter.name for plan in planned], runs[0].split("test")
    check_same(names, [run.split("test").target for run in runs], "references")
    first = runs[0].record()
    for name, run in zip(names, runs, strict=True):
        differing = [key for key in ("pairs", "tokenizer") if getattr(run.record(), key) != getattr(first, key)]
        if differing:
            raise DataError(name, f"differs from {names[0]} in its {' and '.join(differing)}", f"remove {run.path}")
    evaluations = [
        evaluate_run(run, test, plan.config.decoding, device=device) for plan, run in zip(planned, runs, strict=True)
    ]
    hypotheses = {name: evaluation.hypotheses for name, evaluation in zip(names, evaluations, strict=True)}
    differences = differences_from_previous(hypotheses, test.references)
    corpus, results = planned[0].config.corpus, {}
    for name, run, evaluation in zip(names, runs, evaluations, strict=True):
        finished, error_rate = run.finish_record(), None
        with suppress(UsageError):  # the model has no attention weights
            viewer = AttentionViewer(load(run, device=device), run, layer=None, head=None)
            error_rate = viewer.agreement(test, corpus.folder / f"{corpus.test}.align").error_rate
        results[name] = Result(
            bleu=evaluation.scores[0],
            by_length={group.name: group.bleu for group in evaluation.by_length if group.bleu is not None},
            by_kind={group.name: group.bleu for group in evaluation.by_kind if group.bleu is not None},
            architecture=run.config().architecture,
            num_parameters=finished.num_parameters,
            speed=finished.target_tokens / finished.seconds,
            memory=finished.peak_memory_bytes and finished.peak_memory_bytes / 1e6,
            error_rate=error_rate,
            difference=differences.get(name),
        )
    return Story(results, _conditions(planned, runs[0], test, evaluations[0].scores[0].signature))


def differences_from_previous(hypotheses: Mapping[str, Sequence[str]], references: References) -> dict[str, Difference]:
    """Compare each chapter with the previous one; p-values are corrected for the number of tests (Holm 1979)."""
    index = {name: number for number, name in enumerate(hypotheses)}
    pairs = {name: (index[name], index[previous]) for name in index if (previous := CHAPTERS[name].previous)}
    tests = paired_bootstrap(list(hypotheses.values()), references, list(pairs.values()))
    return dict(zip(pairs, tests, strict=True))


def _conditions(planned: Sequence[PlannedChapter], run: RunFolder, test: HeldOut, signature: str) -> dict[str, str]:
    """Return what was equal for all chapters, and the learning rate of each architecture."""
    record, training, decoding = run.record(), planned[0].config.training, planned[0].config.decoding
    rates = {plan.config.architecture: plan.config.training.learning_rate for plan in planned}
    vocab_size, num_pairs = record.vocab_sizes.target, record.corpus.train.kept
    return {
        "Corpus": f"{num_pairs:,} training pairs, {len(test.source):,} test sentences, "
        f"one vocabulary of {vocab_size:,} tokens",
        "Training": f"{training.steps:,} updates of {training.batch_tokens:,} tokens, seed {training.seed}, one run each",
        "Learning rate": ", ".join(f"{rate:g} ({architecture})" for architecture, rate in rates.items()),
        "Search": decoding.summary,
        "Cost": f"{record.threads} threads; speed without validation, memory of the whole process",
        "BLEU": signature,
    }
