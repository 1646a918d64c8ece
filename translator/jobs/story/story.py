"""The story of attention, as measured: the figures of every rung of the ladder, and what may be said of them.

What the page claims is a short statement with a condition on these figures; where that does not hold, it says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch

from translator.errors import DataError, UsageError
from translator.evaluation.comparison import Difference, check_same, paired_bootstrap
from translator.evaluation.metrics import Score
from translator.jobs.compare.evaluate import Evaluation, evaluate_run
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.story.chapters import LADDER, RUNGS, Plan, read_memory
from translator.jobs.translate.translator import load
from translator.report.chart import Chart, Line
from translator.report.page import render
from translator.runs.folder import HeldOut, RunFolder

CLEAR = 1.05
"""How many times as fast counts as faster; less is the weather of a shared machine."""


class Figures(NamedTuple):
    """What was measured of one rung."""

    bleu: Score
    by_length: dict[str, float]  # BLEU of short sentences first
    by_kind: dict[str, float]  # where all combinations of words occur in training, and where one does not
    architecture: str
    weights: int
    speed: float  # target tokens a second of training
    memory: float | None = None  # the most that its training held, in MB; None where nobody noted it
    error_rate: float | None = None  # of alignment; None where nothing has weights
    step: Difference | None = None  # from the rung that it is compared with; None on the first one

    @property
    def short(self) -> float:
        """BLEU of the shortest sentences."""
        return next(iter(self.by_length.values()))

    @property
    def long(self) -> float:
        """BLEU of the longest sentences."""
        return list(self.by_length.values())[-1]


class Verdict(NamedTuple):
    """Whether a statement holds here, and the figures that say so."""

    holds: bool
    figures: str


@dataclass(frozen=True)
class Story:
    """All that the page and the table say."""

    figures: dict[str, Figures]  # by the names of the ladder
    conditions: dict[str, str]
    title: ClassVar = "The story of attention"
    columns: ClassVar = "rung, compared with, BLEU, 25+ words, unseen, AER, parameters, tokens/s, memory".split(", ")
    ladder: ClassVar = RUNGS

    def step(self, name: str, *outcomes: str) -> Verdict:
        """Whether the step to a rung has one of these outcomes."""
        step, than = self.figures[name].step, LADDER[name].than
        if step is None:
            return Verdict(False, f"{self.figures[name].bleu.value:.1f} BLEU, the first rung")
        gap = f"{abs(step.delta):.1f} BLEU {'below' if step.delta < 0 else 'above'} {than}"
        luck = "which may be luck" if step.outcome == "alike" else "more than luck"
        interval = f"95 % interval {step.low:+.1f} to {step.high:+.1f}, p = {step.p_value:.3f}"
        return Verdict(step.outcome in outcomes, f"{gap}, {luck} ({interval})")

    def faster(self, name: str, *others: str) -> Verdict:
        """Whether a rung trains clearly faster than any of some others."""
        ratios = {other: self.figures[name].speed / self.figures[other].speed for other in others}
        speeds = ", ".join(f"{other} {self.figures[other].speed:,.0f}" for other in (name, *others))
        return Verdict(any(ratio >= CLEAR for ratio in ratios.values()), f"{speeds} tokens/s")

    def brought(self, name: str) -> str:
        """What the step to a rung brought, in one sentence."""
        than = LADDER[name].than
        speed = times(self.figures[name].speed / self.figures[than].speed) if than else ""
        return f"{LADDER[name].what}: {self.step(name).figures}" + (f"; it trains {speed}." if than else ".")

    def rows(self) -> list[tuple[str, ...]]:
        """The table, a row a rung; cells as `columns` names them."""
        return [
            (
                name,
                LADDER[name].than or "",
                str(one.bleu),
                f"{one.long:.1f}",
                f"{one.by_kind['unseen']:.1f}",
                "" if one.error_rate is None else f"{one.error_rate:.2f}",
                f"{one.weights:,}",
                f"{one.speed:,.0f}",
                "" if one.memory is None else f"{one.memory:,.0f} MB",
            )
            for name, one in self.figures.items()
        ]

    def markdown(self) -> str:
        """The table for a README, and under what conditions it was measured."""
        told = [(*row, self.brought(row[0])) for row in self.rows()]
        lines = ((*self.columns, "what it brought"), ("---",) * len(told[0]), *told)
        table = [f"| {' | '.join(cells)} |" for cells in lines]
        return "\n".join([*table, "", *(f"{name}: {value}  " for name, value in self.conditions.items())])

    def lengths(self, name: str) -> str:
        """BLEU of each group of lengths, in words."""
        return ", ".join(f"{bleu:.1f} BLEU at {group}" for group, bleu in self.figures[name].by_length.items())

    @property
    def verdict(self) -> str:
        """The one sentence above all others."""
        return f"Additive attention scores {self.step('additive').figures}."

    @property
    def chart(self) -> Chart:
        """BLEU by length where it tells most."""
        names = ("fixed-vector", "additive", "transformer")
        lines = [Line(name, list(enumerate(self.figures[name].by_length.values()))) for name in names]
        groups = [(group.removesuffix(" words"), "words") for group in self.figures["additive"].by_length]
        return Chart("BLEU by length of the source", "length", lines, groups)

    def page(self) -> str:
        """The article, as one file."""
        return render("story.html", self, None)


def times(ratio: float) -> str:
    """A ratio of speeds in words."""
    if ratio >= CLEAR:
        return f"{ratio:.1f} times as fast"
    return f"{1 / ratio:.1f} times as slowly" if ratio * CLEAR <= 1 else "as fast"


def measure(plans: Sequence[Plan], runs: Sequence[RunFolder], *, device: torch.device) -> Story:
    """Translate and score with all runs. Raises DataError where they were not trained and tested on the same sentences."""
    names, test = [plan.rung.name for plan in plans], runs[0].split("test")
    check_same(names, [run.split("test").target for run in runs], "references")
    for name, run in zip(names, runs, strict=True):
        if differing := [key for key in ("pairs", "tokenizer") if run.record().get(key) != runs[0].record().get(key)]:
            raise DataError(name, f"differs in its {' and '.join(differing)} from {names[0]}", f"remove {run.path}")
    found = {
        plan.rung.name: evaluate_run(run, test, plan.config.decoding, device=device)
        for plan, run in zip(plans, runs, strict=True)
    }
    steps, memory = all_steps(found, test.target), read_memory(runs[0].path.parent)
    corpus = plans[0].config.corpus
    figures = {
        name: figures_of(found[name], run)._replace(
            error_rate=alignment_error(run, test, corpus.folder / f"{corpus.test}.align", device),
            memory=memory[name] / 1e6 if name in memory else None,
            step=steps.get(name),
        )
        for name, run in zip(names, runs, strict=True)
    }
    return Story(figures, conditions(plans, runs[0], test, found[names[0]].scores[0].signature))


def all_steps(found: dict[str, Evaluation], references: Sequence[str]) -> dict[str, Difference]:
    """Each rung against the one that it is compared with, corrected for all of them (Holm 1979)."""
    place = {name: number for number, name in enumerate(found)}
    pairs = {name: (place[name], place[than]) for name in found if (than := LADDER[name].than)}
    tests = paired_bootstrap([one.hypotheses for one in found.values()], references, list(pairs.values()))
    return dict(zip(pairs, tests, strict=True))


def figures_of(found: Evaluation, run: RunFolder) -> Figures:
    """What an evaluation and a finished run say by themselves."""
    ended = run.finish_record()
    return Figures(
        bleu=found.scores[0],
        by_length={group.name: group.bleu for group in found.by_length if group.bleu is not None},
        by_kind={group.name: group.bleu for group in found.by_kind if group.bleu is not None},
        architecture=run.config().architecture,
        weights=ended["weights"],
        speed=ended["target_tokens"] / ended["seconds"],
    )


def alignment_error(run: RunFolder, test: HeldOut, gold: Path, device: torch.device) -> float | None:
    """How far its weights are from gold alignments; None where there are no weights."""
    try:
        return AttentionViewer(load(run, device=device), run, layer=None, head=None).agreement(test, gold).error_rate
    except UsageError:
        return None


def conditions(plans: Sequence[Plan], run: RunFolder, test: HeldOut, signature: str) -> dict[str, str]:
    """What was the same for all rungs, and the one setting that architectures choose for themselves."""
    record, training, search = run.record(), plans[0].config.training, plans[0].config.decoding
    rates = {plan.config.architecture: plan.config.training.learning_rate for plan in plans}
    pieces, pairs = record["pieces"]["target"], record["corpus"]["train"]["kept"]
    return {
        "Corpus": f"{pairs:,} training pairs, {len(test.source):,} test sentences, one vocabulary of {pieces:,} pieces",
        "Training": f"{training.steps:,} updates of {training.batch_tokens:,} tokens, seed {training.seed}, one run each",
        "Learning rate": ", ".join(f"{rate:g} ({architecture})" for architecture, rate in rates.items()),
        "Search": f"{search.search}, beam size {search.beam_size}, length penalty {search.length_penalty:g}",
        "Cost": f"{record['threads']} threads; speed without validation, memory of the whole process",
        "BLEU": signature,
    }
