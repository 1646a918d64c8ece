"""`translator compare`: which of several models is better, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import as_json, say, tell
from translator.cli.options import RUNS, AllowLeaked, BatchSize, BeamSize, Device, Json, Overrides, find_config

if TYPE_CHECKING:
    from translator.experiment.compare import Comparison, Row
    from translator.experiment.run_folder import RunFolder

DEFAULT = ["demo-fixed-vector", "demo-additive", "demo"]


def compare(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN|CONFIG]...", help="Run folders or configs.")
    ] = None,
    source: Annotated[Path | None, typer.Option(help="Sentences to translate; default: the runs' test set.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Their human translations, line by line.")] = None,
    beam_size: BeamSize = None,
    batch_size: BatchSize = 64,
    json: Json = False,
    allow_leaked: AllowLeaked = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing/--no-skip-missing", help="Leave out runs that are missing or damaged.")
    ] = False,
    overrides: Overrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
) -> None:
    """Compare models on one test set with the same decoding; a config without a finished run is trained first.

    Without arguments: no attention, additive attention and the Transformer, on the demo corpus.

    \b
    Examples:
      translator compare
      translator compare runs/mine runs/yours --beam-size 1
      translator compare bahdanau luong --json
    """
    from translator.cli.console import TrainingDisplay
    from translator.errors import ModelError, UsageError
    from translator.experiment.build import choose_device
    from translator.experiment.compare import compare_runs, find_or_train
    from translator.experiment.evaluate import read_test
    from translator.experiment.run_folder import RunFolder
    from translator.experiment.translate import decoding_settings

    if (source is None) != (reference is None):
        raise UsageError("--source and --reference", "one is given without the other", "give both, or neither")
    wanted, place, runs = names or DEFAULT, choose_device(device), []
    if len(wanted) < 2:
        raise UsageError("compare", f"found {len(wanted)} run, expected at least 2", "name two runs or configs")
    plans = [RunFolder(Path(name)) if names_run(name) else find_config(name) for name in wanted]
    plans = [plan for plan in plans if not isinstance(plan, RunFolder) or is_whole(plan, skip_missing=skip_missing)]
    if len(plans) < 2:
        raise ModelError("compare", f"{len(plans)} of {len(wanted)} runs left, expected at least 2", "name other runs")
    test = read_test(source, reference) if source and reference else None
    for plan in plans:
        if isinstance(plan, RunFolder):
            runs.append(plan)
        else:
            with TrainingDisplay() as display:
                runs.append(find_or_train(plan, RUNS, device=place, watcher=display))
    settings = decoding_settings(runs[0].config(), overrides, {"beam_size": beam_size}, many_allowed=False)
    comparison = compare_runs(runs, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked)
    for row in comparison.rows:
        for notice in row.evaluation.notices:
            tell(f"notice: {row.evaluation.run}: {notice}")
    say(json_text(comparison) if json else plain_text(comparison))


def is_whole(run: "RunFolder", *, skip_missing: bool) -> bool:
    """Whether a run can be compared. Raises ModelError where it cannot, or says so where it may be left out."""
    from translator.errors import ModelError

    try:
        run.require_finished()
        run.config()
    except ModelError as error:
        if not skip_missing:
            raise
        tell(f"left out: {error}")
        return False
    return True


def names_run(name: str) -> bool:
    """Whether a run folder is meant and not a config."""
    path = Path(name)
    return path.is_dir() or (path.suffix != ".toml" and path.parent.name not in ("", "configs"))


def json_text(comparison: "Comparison") -> str:
    """The whole comparison but its sentences, as JSON."""
    record = {
        "verdict": comparison.verdict,
        "sentences": comparison.num_sentences,
        "decoding": comparison.decoding.model_dump(mode="json"),
        "runs": [
            {
                "run": row.evaluation.run,
                "scores": [score._asdict() for score in row.evaluation.scores],
                "paired_test": row.test._asdict(),
                "by_length": [group._asdict() for group in row.evaluation.by_length],
                "by_kind": [group._asdict() for group in row.evaluation.by_kind],
                "leaked": row.evaluation.leaked,
                "conditions": row.conditions,
                "translating_seconds": row.evaluation.seconds,
            }
            for row in comparison.rows
        ],
    }
    return as_json(record, indent=1)


def plain_text(comparison: "Comparison") -> str:
    """The verdict, then a table with a line a figure and a column a run."""
    lines = [comparison.verdict, ""]
    columns = [figures(row, comparison.num_sentences) for row in comparison.rows]
    names = [row.evaluation.run for row in comparison.rows]
    label_width = max(len(label) for label in columns[0])
    widths = [
        max(len(name), *(len(text) for text in column.values())) for name, column in zip(names, columns, strict=True)
    ]
    header = "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))
    lines.append(f"{'':{label_width}}  {header}")
    for label in columns[0]:
        cells = (column.get(label, "-").rjust(width) for column, width in zip(columns, widths, strict=True))
        lines.append(f"{label:{label_width}}  {'  '.join(cells)}")
    decoding = comparison.decoding
    lines += [
        "",
        f"{comparison.num_sentences} sentences, {decoding.search} search, beam size {decoding.beam_size}, "
        f"length penalty {decoding.length_penalty:g}",
        f"BLEU: {comparison.rows[0].evaluation.scores[0].signature}",
    ]
    return "\n".join(lines)


def figures(row: "Row", num_sentences: int) -> dict[str, str]:
    """The column of one run."""
    column = {}
    for score in row.evaluation.scores:
        column[score.metric] = f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"
    column["BLEU below the best"] = f"{row.test.delta:.1f} (p = {row.test.p_value:.3f})"
    for group in [*row.evaluation.by_length, *row.evaluation.by_kind]:
        label = f"BLEU, {group.name} ({group.num_sentences})"
        column[label] = "-" if group.bleu is None else f"{group.bleu:.1f}"
    facts = row.conditions
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
