"""`translator compare`: find out which of several models is better, and how certain that is."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli import options
from translator.cli.console import as_json, notify, print_result, warn
from translator.cli.files import read_given_test
from translator.cli.progress import Display, TrainingDisplay
from translator.cli.report import write_report
from translator.cli.tables import number, table
from translator.config_files import find_config, suggest_config
from translator.errors import ModelError, UsageError
from translator.runs import RUNS
from translator.text.visible import unbroken

if TYPE_CHECKING:
    import torch

    from translator.evaluation.comparison import Difference, Gap
    from translator.evaluation.seeds import OverSeeds
    from translator.jobs.compare.compare import Comparison, Row
    from translator.runs.folder import RunFolder

_DEFAULT_NAMES = ["demo-fixed-vector", "demo-additive", "demo"]

_Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|CONFIG", help="Folders or names of runs, or configs.", show_default=", ".join(_DEFAULT_NAMES)
    ),
]
_Seeds = Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Runs of each config, with consecutive seeds.")]
_Strict = Annotated[bool, typer.Option(help="Reject runs trained under unequal conditions.", show_default=False)]
_Sentences = Annotated[
    bool, typer.Option(help="Print the sentences that differ most.", show_default=False, rich_help_panel=options.OUTPUT)
]
_Report = Annotated[
    Path | None, typer.Option(metavar="FILE", help="HTML report to write.", rich_help_panel=options.OUTPUT)
]
_SkipMissing = Annotated[bool, typer.Option(help="Skip runs that are missing or damaged.", show_default=False)]


def compare(
    names: _Names = None,
    source: options.Source = None,
    reference: options.Reference = [],  # noqa: B006 - read by Typer, never changed
    seeds: _Seeds = 1,
    strict: _Strict = False,
    sentences: _Sentences = False,
    beam_size: options.BeamSize = None,
    batch_size: options.BatchSize = None,
    json: options.Json = False,
    report: _Report = None,
    force: options.Force = False,
    allow_leaked: options.AllowLeaked = False,
    skip_missing: _SkipMissing = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
) -> None:
    """Find out which of several models is better.

    All translate one test set with the same decoding. A config without a finished run is trained first.

    One run of each model is compared by a paired bootstrap test on the test set. With --seeds, configs are compared by
    Welch's t test on their mean BLEU over several seeds.

    Models and seeds may differ. Everything else should be equal: data, tokenizer, number of steps, [training], [ops],
    [decoding], machine, library versions, and, within 25 %, number of parameters and training time. Differences are
    listed, or rejected with --strict.

    \b
    Examples:
      translator compare
      translator compare runs/mine runs/yours --beam-size 1
      translator compare demo demo-additive --seeds 3 --strict
      translator compare bahdanau luong --json --report report.html
    """
    from translator.config import load_config
    from translator.jobs.compare.compare import compare_runs, given_decoding, with_seeds
    from translator.jobs.translate.build import choose_device
    from translator.jobs.translate.options import decoding_settings

    test = read_given_test(source, reference, report, force=force)
    names, place = names or _DEFAULT_NAMES, choose_device(device)
    default = load_config(find_config(_DEFAULT_NAMES[0]))  # only to reject wrong options before any training
    decoding_settings(default, overrides, {"beam_size": beam_size})
    runs = _find_runs(names, place, seeds=seeds, skip_missing=skip_missing)
    settings = given_decoding(runs, overrides, beam_size)
    with Display() as display:
        comparison = compare_runs(
            runs,
            test,
            settings,
            device=place,
            batch_size=batch_size,
            allow_leaked=allow_leaked,
            strict=strict,
            working=display.working,
        )
    if seeds > 1:
        comparison = with_seeds(comparison, [Path(name).stem for name in names])
    for notice in comparison.notices:
        warn(notice)
    for row in comparison.rows:
        for notice in row.evaluation.notices:
            warn(f"{row.evaluation.run}: {notice}")
    if report is not None:
        write_report(comparison, runs, report, place)
    print_result(_json_text(comparison) if json else plain_text(comparison, with_sentences=sentences))


def _find_runs(names: Sequence[str], device: "torch.device", *, seeds: int, skip_missing: bool) -> list["RunFolder"]:
    """Return the named runs and `seeds` finished runs of each named config, training those that are missing."""
    from translator.jobs.compare.train_missing import PlannedRun, plan_runs, train_missing
    from translator.runs.folder import RunFolder

    if len(names) < 2:
        raise UsageError("compare", f"found {len(names)} run, expected at least 2", "name two runs or configs")
    models: list[RunFolder | Path] = []
    for name in names:
        try:
            models.append(_find_run_or_config(name))
        except ModelError as error:
            if not skip_missing:
                raise
            notify(f"skipped: {error}")
    if seeds > 1 and (run := next((model for model in models if isinstance(model, RunFolder)), None)):
        raise UsageError(str(run.path), "is a run, which has one seed", "name configs, or omit --seeds")
    usable = [model for model in models if isinstance(model, Path) or _is_usable(model, skip_missing=skip_missing)]
    if len(usable) < 2:
        problem = f"{len(usable)} of {len(names)} runs are usable, expected at least 2"
        raise ModelError("compare", problem, "name other runs")
    runs: list[RunFolder] = []
    planned: list[PlannedRun] = []
    for model in usable:
        plans = [] if isinstance(model, RunFolder) else plan_runs(model, RUNS, num_seeds=seeds)
        runs += [model] if isinstance(model, RunFolder) else [plan.run for plan in plans]
        planned += plans
    train_missing(planned, device=device, open_observer=TrainingDisplay)
    return runs


def _find_run_or_config(name: str) -> "RunFolder | Path":
    """Return the run at this path, or the config at this path or of this name, or the run of this name."""
    from translator.runs.lookup import find_run, suggest_run
    from translator.runs.packed import SUFFIX

    path = Path(name)
    if path.is_dir() or path.suffix == SUFFIX:
        return find_run(name)
    with suppress(UsageError):
        return find_config(name)
    with suppress(ModelError):
        return find_run(name)
    if len(path.parts) > 1:
        raise ModelError(name, "no such run or config", suggest_run(path))
    advice = [text for text in (suggest_run(path), suggest_config(path)) if text.startswith("did you mean")]
    raise UsageError(name, "no such run or config", advice[0] if advice else suggest_config(path))


def _is_usable(run: "RunFolder", *, skip_missing: bool) -> bool:
    """Return whether the run is finished and undamaged. Raises ModelError if it is not and may not be skipped."""
    try:
        run.require_finished()
        run.config()
    except ModelError as error:
        if not skip_missing:
            raise
        notify(f"skipped: {error}")
        return False
    return True


def _json_text(comparison: "Comparison") -> str:
    """Return the comparison as JSON, with only those sentences that differ most."""
    details: list[dict[str, object]] = [
        {
            "most_different": {
                side: [gap._asdict() | _sentence(comparison, row, gap) for gap in gaps]
                for side, gaps in row.most_different._asdict().items()
            }
        }
        for row in comparison.rows
    ]
    return as_json(comparison.as_record(details) | {"num_sentences": len(comparison.test.source)}, indent=1)


def _sentence(comparison: "Comparison", row: "Row", gap: "Gap") -> dict[str, str]:
    index = gap.number - 1
    return {
        "source": comparison.test.source[index],
        "reference": comparison.test.target[index],
        "best_translation": comparison.rows[comparison.best].evaluation.hypotheses[index],
        "other_translation": row.evaluation.hypotheses[index],
    }


def plain_text(comparison: "Comparison", *, with_sentences: bool) -> str:
    """Return the verdict, a table over seeds, a table of all runs, and what is needed to repeat the comparison."""
    rows, num_sentences = comparison.rows, len(comparison.test.source)
    lines = [comparison.verdict, ""]
    if seeds := comparison.seeds:
        lines += [*table([score.config for score in seeds.configs], _seed_columns(seeds, comparison.names)), ""]
    columns = [_column(row, num_sentences) for row in rows]
    for condition in comparison.conditions:
        for column, value in zip(columns, condition.values, strict=True):
            column[f"unequal: {condition.name}"] = value
    lines += [*table(comparison.names, columns), ""]
    if with_sentences:
        lines += [line for row in rows for line in _sentence_lines(comparison, row)]
    if comparison.conditions:
        lines.append("unequal: differs between the runs but is not what is being compared; rejected with --strict")
    tests = [row.test for row in rows] + [pair.test for pair in (seeds.pairs if seeds else [])]
    lines += dict.fromkeys(f"too few differ: {test.reason}" for test in tests if test.reason)
    lines += [
        f"{num_sentences} sentences, {comparison.decoding.summary}",
        f"BLEU: {rows[0].evaluation.scores[0].signature}",
    ]
    return "\n".join(map(unbroken, lines))


def _seed_columns(seeds: "OverSeeds", names: Sequence[str]) -> list[dict[str, str]]:
    """Return a column per config: mean, standard deviation, t test, and the paired test of each seed."""
    columns = [
        {
            f"BLEU, mean of {seeds.num_seeds} seeds": f"{score.mean:.1f}",
            "standard deviation": f"{score.deviation:.1f}",
            "mean below the best": str(score.difference),
        }
        for score in seeds.configs
    ]
    for pair in seeds.pairs:
        config = next(index for index, score in enumerate(seeds.configs) if pair.other in score.rows)
        columns[config][f"{names[pair.other]} below {names[pair.best]}"] = _below(pair.test, str(pair.test))
    return columns


def _column(row: "Row", num_sentences: int) -> dict[str, str]:
    """Return the cells of one run by their labels."""
    evaluation, facts = row.evaluation, row.facts
    groups = [*evaluation.by_length, *evaluation.by_kind]
    return {
        "BLEU": "",
        "below the best": _below(row.test, f"{row.test.delta:.1f} ({row.test.evidence})"),
        **{score.metric: str(score) for score in evaluation.scores},
        **{f"BLEU, {group.name} ({group.num_sentences})": number(group.bleu, 1) for group in groups},
        **{f"F1, {words.name} ({words.num_words})": number(words.f1, 1) for words in evaluation.by_frequency},
        "architecture": facts.architecture,
        "parameters": f"{facts.num_parameters:,}",
        "training steps": f"{facts.steps:,}",
        "training seconds": f"{facts.training_seconds:.0f}",
        "sentences/s translated": f"{num_sentences / max(evaluation.seconds, 1e-9):.0f}",
        "seed": str(facts.seed),
        "test pairs in training data": str(len(evaluation.leaked)),
    }


def _below(test: "Difference", tested: str) -> str:
    """Return the cell of a difference: `tested`, or for one without a test a text that fits into a column."""
    return f"{test.delta:.1f} (too few differ)" if test.reason else tested


def _sentence_lines(comparison: "Comparison", row: "Row") -> list[str]:
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
