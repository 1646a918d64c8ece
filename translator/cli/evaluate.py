"""`translator evaluate`: how good a run is, with the signatures that make the figures repeatable."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.attention import Attention, Head, Layer, read_wanted, refuse_unused, write_maps
from translator.cli.console import as_json, notify, say
from translator.cli.files import check_output, read_given_test, written
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
)

if TYPE_CHECKING:
    from translator.jobs.compare.evaluate import Evaluation


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Run folder; default: the one that `train` finished last.")] = None,
    source: Source = None,
    reference: Reference = None,
    output: Annotated[Path | None, typer.Option(help="File for the translations.")] = None,
    beam_size: BeamSize = None,
    batch_size: BatchSize = None,
    alignments: Annotated[
        Path | None, typer.Option(help="Gold alignments (0-0 1-2), to report how well attention agrees with them.")
    ] = None,
    attention: Attention = None,
    layer: Layer = None,
    head: Head = None,
    json: Json = False,
    force: Force = False,
    allow_leaked: AllowLeaked = False,
    overrides: DecodingOverrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
) -> None:
    """Score a finished run: BLEU, chrF2 and TER by sacreBLEU, with 95 % intervals, cased and lowercased.

    \b
    Examples:
      translator evaluate
      translator evaluate runs/demo --beam-size 1
      translator evaluate runs/demo --alignments data/test.align --attention attention.json
      translator evaluate runs/mine --source test.en --reference test.de --output mine.de
    """
    from translator.jobs.compare.evaluate import evaluate_run
    from translator.jobs.inspect.attention import Looker
    from translator.jobs.translate.build import choose_device
    from translator.jobs.translate.translator import decoding_settings, load
    from translator.runs.folder import RunFolder, latest_run

    test = read_given_test(source, reference, output, force=force)
    check_output(output, alignments, force=force)
    wanted = read_wanted(attention, taken=(source, reference, output, alignments), force=force, forms=())
    if not wanted and not alignments:
        refuse_unused(layer, head)
    folder = RunFolder(run) if run else latest_run(RUNS)
    folder.require_finished()
    settings = decoding_settings(folder.config(), overrides, {"beam_size": beam_size}, many_allowed=False)
    test, place, looker = test or folder.split("test"), choose_device(device), None
    if wanted or alignments:
        looker = Looker(load(folder, device=place), folder, layer=layer, head=head)
    agreement = looker.agreement(test, alignments) if looker and alignments else None
    notify(f"translating {len(test.source):,} sentences with {folder.path}")
    evaluation = evaluate_run(folder, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked)
    evaluation = evaluation._replace(alignment=agreement)
    if looker and wanted:
        write_maps(wanted, looker, test.source, evaluation.best)
    if output is not None:
        with written(output) as write:
            for hypothesis in evaluation.hypotheses:
                write(hypothesis)
    for notice in evaluation.notices:
        notify(f"notice: {notice}")
    say(json_text(evaluation) if json else plain_text(evaluation))


def json_text(evaluation: "Evaluation") -> str:
    """The whole evaluation but its sentences, as JSON."""
    record = {
        **evaluation.figures,
        "sentences": len(evaluation.hypotheses),
        "decoding": evaluation.decoding.model_dump(mode="json"),
    }
    return as_json(record, indent=1)


def plain_text(evaluation: "Evaluation") -> str:
    """A line a score, then the groups."""
    lines = [
        f"{score.metric:<6} {score.value:6.2f}   95 % interval {score.low:.2f} to {score.high:.2f}   {score.signature}"
        for score in evaluation.scores
    ]
    for group in [*evaluation.by_length, *evaluation.by_kind]:
        value = "     -" if group.bleu is None else f"{group.bleu:6.2f}"
        lines.append(f"BLEU   {value}   {group.name}, {group.num_sentences} sentences")
    for words in evaluation.by_frequency:
        value = "     -" if words.f1 is None else f"{words.f1:6.2f}"
        lines.append(f"F1     {value}   {words.name}, {words.num_words} in the references")
    if found := evaluation.alignment:
        rates = f"precision {found.precision:.3f}, recall {found.recall:.3f}"
        lines.append(f"AER    {found.error_rate:6.3f}   {rates}   {found.view}")
    if evaluation.leaked:
        from translator.jobs.compare.evaluate import leak_notice

        lines.append(leak_notice(evaluation.leaked, len(evaluation.hypotheses)))
    speed = len(evaluation.hypotheses) / max(evaluation.seconds, 1e-9)
    lines.append(f"{len(evaluation.hypotheses)} sentences in {evaluation.seconds:.1f} s, {speed:.0f} a second")
    return "\n".join(lines)
