"""`translator compare`: which of several models is better, and how sure that is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import TrainingDisplay, as_json, notify, say
from translator.cli.files import read_given_test
from translator.cli.options import (
    RUNS,
    AllowLeaked,
    BatchSize,
    BeamSize,
    DecodingOverrides,
    Device,
    Force,
    Json,
    Reference,
    Source,
    find_config,
)
from translator.errors import ModelError, UsageError
from translator.text.visible import unbroken

if TYPE_CHECKING:
    import torch

    from translator.evaluation.comparison import Gap
    from translator.evaluation.seeds import OverSeeds
    from translator.jobs.compare.compare import Comparison, Row
    from translator.runs.folder import RunFolder

DEFAULT = ["demo-fixed-vector", "demo-additive", "demo"]
WIDTH = 100
"""Columns of the widest table that is printed with a column a run."""


def compare(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN|CONFIG]...", help="Run folders or configs.")
    ] = None,
    source: Source = None,
    reference: Reference = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Trainings of each config, with its seed and those after it.")
    ] = 1,
    strict: Annotated[bool, typer.Option(help="Refuse runs of unequal conditions instead of listing them.")] = False,
    sentences: Annotated[bool, typer.Option(help="Print the sentences where the models differ most.")] = False,
    beam_size: BeamSize = None,
    batch_size: BatchSize = None,
    json: Json = False,
    report: Annotated[Path | None, typer.Option(help="File for a page of it all, to be opened in a browser.")] = None,
    force: Force = False,
    allow_leaked: AllowLeaked = False,
    skip_missing: Annotated[bool, typer.Option(help="Leave out runs that are missing or damaged.")] = False,
    overrides: DecodingOverrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
) -> None:
    """Compare models on one test set with the same decoding; a config without a finished run is trained first.

    Without arguments: no attention, additive attention and the Transformer, on the demo corpus.

    With --seeds the claim is about the configs: the difference of the means over their seeds, with its t interval. Without,
    it is about one run each: the difference on this test set, with its bootstrap interval.

    Conditions should be equal: training and validation pairs, tokenizer, steps, [training], [ops], machine and versions,
    the runs' own [decoding] unless one is given here, and, within a quarter, weights and training time. The ones that are
    not are listed, or refused by --strict. The models' tables and the seeds may differ.

    \b
    Examples:
      translator compare
      translator compare runs/mine runs/yours --beam-size 1
      translator compare demo demo-additive --seeds 3 --strict
      translator compare bahdanau luong --json --report report.html
    """
    from translator.cli.report import write_report
    from translator.jobs.compare.compare import compare_runs, given_decoding, with_seeds
    from translator.jobs.translate.build import choose_device

    test = read_given_test(source, reference, report, force=force)
    wanted, place = names or DEFAULT, choose_device(device)
    check_decoding(overrides, beam_size)
    runs = find_runs(wanted, place, seeds=seeds, skip_missing=skip_missing)
    settings = given_decoding(runs, overrides, beam_size)
    comparison = compare_runs(
        runs, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked, strict=strict
    )
    if seeds > 1:
        comparison = with_seeds(comparison, [Path(name).stem for name in wanted])
    for row in comparison.rows:
        for notice in row.evaluation.notices:
            notify(f"notice: {row.evaluation.run}: {notice}")
    if report is not None:
        write_report(comparison, runs, report, place)
    say(json_text(comparison) if json else plain_text(comparison, sentences=sentences))


def check_decoding(overrides: Sequence[str], beam_size: int | None) -> None:
    """Raise UsageError for decoding that no run could have, before any is trained."""
    from translator.config import load_config
    from translator.jobs.translate.translator import decoding_settings

    decoding_settings(load_config(find_config(DEFAULT[0])), overrides, {"beam_size": beam_size}, many_allowed=False)


def find_runs(wanted: Sequence[str], place: "torch.device", *, seeds: int, skip_missing: bool) -> list["RunFolder"]:
    """The finished runs of these names, `seeds` of each config, trained first where there is none."""
    from translator.jobs.compare.train_missing import PlannedRun, plan_runs, train_missing
    from translator.runs.folder import RunFolder

    if len(wanted) < 2:
        raise UsageError("compare", f"found {len(wanted)} run, expected at least 2", "name two runs or configs")
    plans = [RunFolder(Path(name)) if names_run(name) else find_config(name) for name in wanted]
    for plan in plans:
        if isinstance(plan, RunFolder) and seeds > 1:
            raise UsageError(str(plan.path), "is a run, which has one seed", "name configs, or leave --seeds out")
    plans = [plan for plan in plans if not isinstance(plan, RunFolder) or is_whole(plan, skip_missing=skip_missing)]
    if len(plans) < 2:
        raise ModelError("compare", f"{len(plans)} of {len(wanted)} runs left, expected at least 2", "name other runs")
    groups = [[plan] if isinstance(plan, RunFolder) else plan_runs(plan, RUNS, num_seeds=seeds) for plan in plans]
    chosen = [run for group in groups for run in group]
    planned = [run for run in chosen if isinstance(run, PlannedRun)]
    train_missing(planned, device=place, open_watcher=TrainingDisplay)
    return [run.run if isinstance(run, PlannedRun) else run for run in chosen]


def is_whole(run: "RunFolder", *, skip_missing: bool) -> bool:
    """Whether a run can be compared. Raises ModelError where it cannot, or says so where it may be left out."""
    try:
        run.require_finished()
        run.config()
    except ModelError as error:
        if not skip_missing:
            raise
        notify(f"left out: {error}")
        return False
    return True


def names_run(name: str) -> bool:
    """Whether a run folder is meant and not a config."""
    path = Path(name)
    return path.is_dir() or (path.suffix != ".toml" and path.parent.name not in ("", "configs"))


def json_text(comparison: "Comparison") -> str:
    """The whole comparison, but of its sentences only those that differ most, as JSON; rows number its runs from 0."""
    details: list[dict[str, object]] = []
    for row in comparison.rows:
        sides = row.most_different._asdict().items()
        told = {side: [gap._asdict() | texts(comparison, row, gap) for gap in gaps] for side, gaps in sides}
        details.append({"most_different": told})
    return as_json(comparison.record(details) | {"sentences": len(comparison.test.source)}, indent=1)


def texts(comparison: "Comparison", row: "Row", gap: "Gap") -> dict[str, str]:
    """A sentence, its reference and what the best run and this one make of it."""
    index = gap.number - 1
    return {
        "source": comparison.test.source[index],
        "reference": comparison.test.target[index],
        "best_translation": comparison.rows[comparison.best].evaluation.hypotheses[index],
        "other_translation": row.evaluation.hypotheses[index],
    }


def plain_text(comparison: "Comparison", *, sentences: bool) -> str:
    """The verdict, what the seeds say, then a table of all runs, and what makes it repeatable."""
    lines, rows, decoding = [comparison.verdict, ""], comparison.rows, comparison.decoding
    if found := comparison.seeds:
        lines += [*table([one.config for one in found.configs], seed_figures(found, comparison.names)), ""]
    columns = [figures(row, len(comparison.test.source)) for row in rows]
    for condition in comparison.conditions:
        for column, value in zip(columns, condition.values, strict=True):
            column[f"unequal: {condition.name}"] = value
    lines += [*table(comparison.names, columns), ""]
    if sentences:
        lines += [line for row in rows for line in sentence_lines(comparison, row)]
    if comparison.conditions:
        lines.append("unequal: not the same for all, yet not what is compared; --strict refuses it")
    lines += [
        f"{len(comparison.test.source)} sentences, {decoding.search} search, beam size {decoding.beam_size}, "
        f"length penalty {decoding.length_penalty:g}",
        f"BLEU: {rows[0].evaluation.scores[0].signature}",
    ]
    return "\n".join(map(unbroken, lines))


def table(names: Sequence[str], figures: Sequence[dict[str, str]]) -> list[str]:
    """A column a name and a line a figure; where that is too wide, a line a name, and the figures in blocks that fit."""
    labels = list(dict.fromkeys(label for column in figures for label in column))
    lines = aligned(
        [["", *labels]]
        + [[name, *(column.get(label, "-") for label in labels)] for name, column in zip(names, figures, strict=True)]
    )
    if len(lines[0]) <= WIDTH:
        return lines
    blocks = [[["", *names]]]
    for label in labels:
        cells = [label, *(column.get(label, "-") for column in figures)]
        if len(blocks[-1]) > 1 and len(aligned([*blocks[-1], cells])[0]) > WIDTH:
            blocks.append([["", *names]])
        blocks[-1].append(cells)
    return [line for block in blocks for line in ["", *aligned(block)]][1:]


def aligned(columns: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side, the first flush left and the others flush right."""
    shown = [list(map(unbroken, column)) for column in columns]
    widths = [max(map(len, column)) for column in shown]
    rows = zip(*shown, strict=True)
    return ["  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) for first, *rest in rows]


def seed_figures(found: "OverSeeds", names: Sequence[str]) -> list[dict[str, str]]:
    """A column a config: mean and deviation, the t test between the means, and below it the paired test of each pair."""
    columns = [
        {
            f"BLEU, mean of {found.num_seeds} seeds": f"{one.mean:.1f}",
            "standard deviation": f"{one.deviation:.1f}",
            "mean below the best": str(one.difference),
        }
        for one in found.configs
    ]
    for pair in found.pairs:
        config = next(index for index, one in enumerate(found.configs) if pair.other in one.rows)
        columns[config][f"{names[pair.other]} below {names[pair.best]}"] = str(pair.test)
    return columns


def sentence_lines(comparison: "Comparison", row: "Row") -> list[str]:
    """The sentences where this run and the best one differ most, both ways."""
    lines, best, this = [], comparison.names[comparison.best], row.evaluation.run
    for better, worse, gaps in zip((best, this), (this, best), row.most_different, strict=True):
        if not gaps:
            continue
        lines.append(f"Sentences where {better} is most above {worse}, by sentence BLEU:")
        for gap in gaps:
            labels = f"{gap.number}", "reference", f"{best} {gap.best:.1f}", f"{this} {gap.other:.1f}"
            told = zip(labels, texts(comparison, row, gap).values(), strict=True)
            lines += ["", *(f"  {label}: {text}" for label, text in told)]
        lines.append("")
    return lines


def figures(row: "Row", num_sentences: int) -> dict[str, str]:
    """The column of one run."""
    column = {"BLEU": "", "below the best": f"{row.test.delta:.1f} (p = {row.test.p_value:.3f})"}
    for score in row.evaluation.scores:
        column[score.metric] = str(score)
    for group in [*row.evaluation.by_length, *row.evaluation.by_kind]:
        label = f"BLEU, {group.name} ({group.num_sentences})"
        column[label] = "-" if group.bleu is None else f"{group.bleu:.1f}"
    for words in row.evaluation.by_frequency:
        column[f"F1, {words.name} ({words.num_words})"] = "-" if words.f1 is None else f"{words.f1:.1f}"
    facts = row.facts
    column |= {
        "architecture": str(facts["architecture"]),
        "weights": f"{facts['weights']:,}",
        "training steps": f"{facts['steps']:,}",
        "training seconds": f"{facts['training_seconds']:.0f}",
        "sentences/s translated": f"{num_sentences / max(row.evaluation.seconds, 1e-9):.0f}",
        "seed": str(facts["seed"]),
        "test pairs trained on": str(len(row.evaluation.leaked)),
    }
    return column
