"""`translator compare`: which of several models is better, and how sure that is."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import as_json, say, tell
from translator.cli.options import RUNS, AllowLeaked, BatchSize, BeamSize, Device, Json, Overrides, find_config

if TYPE_CHECKING:
    from translator.evaluation.comparison import Difference, Gap
    from translator.evaluation.seeds import OverSeeds
    from translator.experiment.compare import Comparison, Row
    from translator.experiment.run_folder import RunFolder

DEFAULT = ["demo-fixed-vector", "demo-additive", "demo"]
WIDTH = 100
"""Columns of the widest table that is printed with a column a run."""


def compare(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN|CONFIG]...", help="Run folders or configs.")
    ] = None,
    source: Annotated[Path | None, typer.Option(help="Sentences to translate; default: the runs' test set.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Their human translations, line by line.")] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Trainings of each config, with its seed and those after it.")
    ] = 1,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Refuse runs of unequal conditions instead of listing them.")
    ] = False,
    sentences: Annotated[
        bool, typer.Option("--sentences/--no-sentences", help="Print the sentences where the models differ most.")
    ] = False,
    beam_size: BeamSize = None,
    batch_size: BatchSize = 64,
    json: Json = False,
    allow_leaked: AllowLeaked = False,
    overrides: Overrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
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
      translator compare bahdanau luong --json
    """
    from translator.errors import UsageError
    from translator.experiment.build import choose_device
    from translator.experiment.compare import common_decoding, compare_runs, with_seeds
    from translator.experiment.evaluate import read_test
    from translator.experiment.translate import decoding_settings

    if (source is None) != (reference is None):
        raise UsageError("--source and --reference", "one is given without the other", "give both, or neither")
    wanted, place = names or DEFAULT, choose_device(device)
    if len(wanted) < 2:
        raise UsageError("compare", f"found {len(wanted)} run, expected at least 2", "name two runs or configs")
    test = read_test(source, reference) if source and reference else None
    runs = find_runs(wanted, seeds, device)
    settings = None
    if overrides or beam_size is not None:
        config = runs[0].config().model_copy(update={"decoding": common_decoding(runs)})
        settings = decoding_settings(config, overrides, {"beam_size": beam_size}, many_allowed=False)
    comparison = compare_runs(
        runs, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked, strict=strict
    )
    if seeds > 1:
        comparison = with_seeds(comparison, [Path(name).stem for name in wanted])
    for row in comparison.rows:
        for notice in row.evaluation.notices:
            tell(f"notice: {row.evaluation.run}: {notice}")
    say(json_text(comparison) if json else plain_text(comparison, sentences=sentences))


def find_runs(wanted: Sequence[str], seeds: int, device: str) -> list["RunFolder"]:
    """The finished runs of these names, `seeds` of each config, trained first where there is none."""
    from translator.cli.console import TrainingDisplay
    from translator.errors import UsageError
    from translator.experiment.build import choose_device
    from translator.experiment.compare import find_or_train
    from translator.experiment.run_folder import RunFolder

    plans = [RunFolder(Path(name)) if names_run(name) else find_config(name) for name in wanted]
    runs: list[RunFolder] = []
    for plan in plans:
        if isinstance(plan, RunFolder):
            plan.require_finished()
            if seeds > 1:
                raise UsageError(str(plan.path), "is a run, which has one seed", "name configs, or leave --seeds out")
    for plan in plans:
        if isinstance(plan, RunFolder):
            runs.append(plan)
            continue
        for offset in range(seeds):
            with TrainingDisplay() as display:
                place = choose_device(device)
                runs.append(find_or_train(plan, RUNS, device=place, watcher=display, seed_offset=offset))
    return runs


def names_run(name: str) -> bool:
    """Whether a run folder is meant and not a config."""
    path = Path(name)
    return path.is_dir() or (path.suffix != ".toml" and path.parent.name not in ("", "configs"))


def json_text(comparison: "Comparison") -> str:
    """The whole comparison, of its sentences those that differ most, as JSON."""
    rows = comparison.rows
    record = {
        "verdict": comparison.verdict,
        "best": rows[comparison.best].evaluation.run,
        "sentences": len(comparison.test.source),
        "decoding": comparison.decoding.model_dump(mode="json"),
        "unequal_conditions": [condition._asdict() for condition in comparison.conditions],
        "over_seeds": seeds_record(comparison.seeds, [row.evaluation.run for row in rows]),
        "runs": [
            {
                "run": row.evaluation.run,
                "scores": [score._asdict() for score in row.evaluation.scores],
                "paired_test": row.test._asdict(),
                "by_length": [group._asdict() for group in row.evaluation.by_length],
                "by_kind": [group._asdict() for group in row.evaluation.by_kind],
                "by_frequency": [group._asdict() for group in row.evaluation.by_frequency],
                "most_different": {
                    side: [{**gap._asdict(), **texts(comparison, row, gap)} for gap in gaps]
                    for side, gaps in row.most_different._asdict().items()
                },
                "leaked": row.evaluation.leaked,
                "facts": row.facts,
                "translating_seconds": row.evaluation.seconds,
            }
            for row in rows
        ],
    }
    return as_json(record, indent=1)


def seeds_record(found: "OverSeeds | None", names: list[str]) -> dict[str, object] | None:
    """What several seeds say together, with runs by name."""
    if found is None:
        return None
    return {
        "seeds": found.num_seeds,
        "best": found.configs[found.best].config,
        "configs": [
            {
                "config": one.config,
                "runs": [names[row] for row in one.rows],
                "mean": one.mean,
                "deviation": one.deviation,
                "difference": one.difference._asdict(),
            }
            for one in found.configs
        ],
        "pairs": [
            {"best": names[pair.best], "other": names[pair.other], "paired_test": pair.test._asdict()}
            for pair in found.pairs
        ],
    }


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
    names = [row.evaluation.run for row in rows]
    if found := comparison.seeds:
        lines += [*table([one.config for one in found.configs], seed_figures(found, names)), ""]
    columns = [figures(row, len(comparison.test.source)) for row in rows]
    for condition in comparison.conditions:
        for column, value in zip(columns, condition.values, strict=True):
            column[f"unequal: {condition.name}"] = value
    lines += [*table(names, columns), ""]
    if comparison.conditions:
        lines.append("unequal: a condition that is not the same for all and not what is compared; --strict refuses it")
    if sentences:
        lines += [line for row in rows for line in sentence_lines(comparison, row)]
    lines += [
        f"{len(comparison.test.source)} sentences, {decoding.search} search, beam size {decoding.beam_size}, "
        f"length penalty {decoding.length_penalty:g}",
        f"BLEU: {rows[0].evaluation.scores[0].signature}",
    ]
    return "\n".join(lines)


def table(names: Sequence[str], columns: Sequence[dict[str, str]]) -> list[str]:
    """A column a name and a line a figure; if that is too wide, a line a name, and the figures in as many blocks as need be."""
    labels = list(dict.fromkeys(label for column in columns for label in column))
    cells = [["", *names], *([label, *(column.get(label, "-") for column in columns)] for label in labels)]
    lines = aligned(cells)
    if len(lines[0]) <= WIDTH:
        return lines
    headed = [[*textwrap.wrap(label, 18, break_on_hyphens=False), *row] for label, *row in cells]
    height = max(map(len, headed))
    padded = [[""] * (height - len(column)) + column for column in headed]
    blocks: list[list[list[str]]] = []
    for column in padded[1:]:
        if not blocks or len(aligned(turned([*blocks[-1], column]))[0]) > WIDTH:
            blocks.append([padded[0]])
        blocks[-1].append(column)
    return [line for block in blocks for line in ["", *aligned(turned(block))]][1:]


def turned(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows for columns."""
    return [list(row) for row in zip(*cells, strict=True)]


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """A line a row, the first column flush left and the others flush right."""
    first, *widths = [max(map(len, column)) for column in turned(cells)]
    return [
        "  ".join([label.ljust(first), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True))])
        for label, *row in cells
    ]


def seed_figures(found: "OverSeeds", names: Sequence[str]) -> list[dict[str, str]]:
    """A column a config: mean and deviation, the t test between the means, and below it the paired test of each pair."""
    columns = [
        {
            f"BLEU, mean of {found.num_seeds} seeds": f"{one.mean:.1f}",
            "standard deviation": f"{one.deviation:.1f}",
            "mean below the best": below(one.difference),
        }
        for one in found.configs
    ]
    for pair in found.pairs:
        config = next(index for index, one in enumerate(found.configs) if pair.other in one.rows)
        columns[config][f"{names[pair.other]} below {names[pair.best]}"] = below(pair.test)
    return columns


def below(test: "Difference") -> str:
    """How far below the best, and how sure that is."""
    return f"{test.delta:.1f} [{test.low:.1f}, {test.high:.1f}] (p = {test.p_value:.3f})"


def sentence_lines(comparison: "Comparison", row: "Row") -> list[str]:
    """The sentences where this run and the best one differ most, both ways."""
    lines, best, this = [], comparison.rows[comparison.best].evaluation.run, row.evaluation.run
    for better, worse, gaps in (
        (best, this, row.most_different.best_is_better),
        (this, best, row.most_different.other_is_better),
    ):
        if gaps:
            lines += [f"Where {better} is most above {worse}, by sentence BLEU:", ""]
        for gap in gaps:
            source, reference, *both = texts(comparison, row, gap).values()
            lines.append(f"sentence {gap.number}: {best} {gap.best:.1f}, {this} {gap.other:.1f}")
            lines += aligned_texts([("source", source), ("reference", reference), (best, both[0]), (this, both[1])])
    return lines


def aligned_texts(labelled: Sequence[tuple[str, str]]) -> list[str]:
    """A line each, the texts below each other, and an empty line."""
    width = max(len(label) for label, _ in labelled)
    return [*(f"  {label.ljust(width)}  {text}" for label, text in labelled), ""]


def figures(row: "Row", num_sentences: int) -> dict[str, str]:
    """The column of one run."""
    column = {}
    for score in row.evaluation.scores:
        column[score.metric] = f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"
    column["BLEU below the best"] = f"{row.test.delta:.1f} (p = {row.test.p_value:.3f})"
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
