"""`translator evaluate`: score a run on a test set, or translations by any systems."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from translator.cli import options
from translator.cli.attention import (
    AttentionRequest,
    ViewRequest,
    attention_file,
    parse_attention,
    with_attention,
)
from translator.cli.command import reject_others
from translator.cli.console import notify, print_result, warn
from translator.cli.files import check_output, read_given_test, read_sides, write_lines
from translator.cli.progress import Display
from translator.cli.tables import choose_format, render
from translator.errors import UsageError

if TYPE_CHECKING:
    import torch

    from translator.decoding.settings import DecodingSettings
    from translator.evaluation.settings import BleuTokenizer
    from translator.jobs.inspect.attention import AttentionViewer
    from translator.report.tables import Results
    from translator.runs.folder import HeldOut, RunFolder

_WITH_HYPOTHESIS = ("hypothesis", "reference", "source", "overrides", "form", "json")
_WITH_TUNE = ("run", "tune", "beam_size", "batch_size", "overrides", "device", "force", "form", "json")
"""Parameters that have an effect together with --hypothesis or --tune."""

_Hypothesis = Annotated[
    list[Path],
    options.option(
        "FILE",
        "Translations to score instead of a run; further files are compared with the first (repeatable).",
        panel=options.TEST,
    ),
]
_Output = Annotated[Path | None, options.option("FILE", "File to write the translations to.", panel=options.OUTPUT)]
_Alignments = Annotated[
    Path | None,
    options.option("FILE", "Gold word alignments (0-0 1-2) to compare the attention with.", panel=options.TEST),
]
_WithoutLeaked = Annotated[
    bool, options.switch("Leave out test pairs that occur in the training data.", panel=options.TEST)
]
_Tune = Annotated[
    str | None,
    options.option(
        "length_penalty|beam_size", "Compare values of a decoding setting on the validation set.", panel=options.SEARCH
    ),
]


class _Search(NamedTuple):
    """A run and how it translates."""

    run: "RunFolder"
    settings: "DecodingSettings"
    device: "torch.device"
    batch_size: int | None
    tokenizer: "BleuTokenizer | None"  # of BLEU; None means the run's own


class _Attention(NamedTuple):
    """Which attention is shown or compared with gold alignments."""

    request: AttentionRequest | None
    alignments: Path | None
    view: ViewRequest

    def check(self) -> None:
        """Raise UsageError for options about attention that have no effect, or no alignment."""
        if not self.request and not self.alignments:
            self.view.reject_unused()
        if self.alignments or (self.request and self.request.format == "pharaoh"):
            self.view.require_one("--alignments" if self.alignments else "--attention")


def evaluate(
    context: typer.Context,
    run: options.FinishedRun = None,
    hypothesis: _Hypothesis = [],  # noqa: B006 - read by Typer, never changed
    source: options.Source = None,
    reference: options.Reference = [],  # noqa: B006 - read by Typer, never changed
    output: _Output = None,
    beam_size: options.BeamSize = None,
    batch_size: options.BatchSize = None,
    alignments: _Alignments = None,
    attention: options.Attention = None,
    kind: options.Kind = None,
    layer: options.Layers = None,
    head: options.Heads = None,
    attention_unit: options.AttentionUnit = None,
    form: options.Format = None,
    json: options.Json = False,
    force: options.Force = False,
    tune: _Tune = None,
    allow_leaked: options.AllowLeaked = False,
    without_leaked: _WithoutLeaked = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
) -> None:
    """Score a model, or translations by any system, on a test set.

    The scores are BLEU, chrF2 and TER, cased and lowercased, with confidence intervals. A file named - is standard input.

    \b
    Examples:
      translator evaluate
      translator evaluate runs/demo --tune length_penalty
      translator evaluate runs/demo --alignments data/test.align --attention attention.json
      translator evaluate runs/mine --source test.en --reference test.de --output mine.de
      translator evaluate --hypothesis ours.de --hypothesis theirs.de --reference test.de
    """
    form = choose_format(form, json=json)
    if hypothesis:
        reject_others(context, "--hypothesis", _WITH_HYPOTHESIS, "omit it, or --hypothesis to translate with a run")
        results = _score_files(hypothesis, reference, source, overrides)
    else:
        files = source, *reference, output, alignments
        test = read_given_test(source, reference, output, force=force)
        check_output(output, alignments, force=force)
        request = parse_attention(attention, other_files=files, force=force, formats=())
        wanted = _Attention(request, alignments, ViewRequest(kind, layer, head, attention_unit))
        wanted.check()
        search = _search(run, overrides, beam_size, batch_size, device)
        if tune is not None:
            reject_others(context, "--tune", _WITH_TUNE, "give --tune alone: it uses the validation set")
            results = _tune(search, tune)
        else:
            results = _evaluate_run(
                search, test, wanted, output, allows_leaked=allow_leaked, drops_leaked=without_leaked
            )
    print_result(render(results, form))


def _score_files(
    hypotheses: Sequence[Path], references: Sequence[Path], source: Path | None, overrides: Sequence[str]
) -> "Results":
    """Score translations that are read from files."""
    from translator.jobs.compare.outputs import output_notices, score_outputs
    from translator.jobs.compare.tables import output_results
    from translator.jobs.translate.options import take_tokenizer

    others, settings = take_tokenizer(overrides)
    if others:
        raise UsageError(f"--set {others[0]}", "nothing is translated with --hypothesis", "omit it")
    if not references:
        raise UsageError("--hypothesis", "given without a reference", "add --reference FILE")
    sides = read_sides(*hypotheses, *references, *([source] if source else []))
    # In the order in which they were read: translations, references, source.
    num_hypotheses, num_sides = len(hypotheses), len(hypotheses) + len(references)
    read, sources = sides[:num_hypotheses], sides[num_sides:]
    outputs = score_outputs(read, sides[num_hypotheses:num_sides], sources[0] if sources else None, settings)
    for notice in output_notices(read, outputs):
        warn(notice)
    return output_results(outputs, len(read[0].lines))


def _search(
    run: Path | None, overrides: Sequence[str], beam_size: int | None, batch_size: int | None, device: str
) -> _Search:
    """Find the run and the settings that it translates with."""
    from translator.evaluation.settings import choose_tokenizer
    from translator.jobs.translate.device import choose_device
    from translator.jobs.translate.options import decoding_settings, take_tokenizer
    from translator.runs.lookup import find_run

    folder = find_run(run)
    folder.require_finished()
    config, (decoding, evaluation) = folder.config(), take_tokenizer(overrides)
    settings = decoding_settings(config, decoding, {"beam_size": beam_size})
    # What is missing from `decoding` named BLEU's tokenizer.
    is_given = len(decoding) < len(overrides)
    tokenizer = choose_tokenizer(evaluation, config.corpus.target_language) if is_given else None
    return _Search(folder, settings, choose_device(device), batch_size, tokenizer)


def _tune(search: _Search, setting: str) -> "Results":
    """Compare values of a decoding setting on the validation set."""
    from translator.jobs.compare.tables import tuning_results
    from translator.jobs.compare.tune import tune

    run, settings, device, batch_size, tokenizer = search
    return tuning_results(tune(run, setting, settings, device=device, batch_size=batch_size, tokenizer=tokenizer))


def _evaluate_run(
    search: _Search,
    given_test: "HeldOut | None",
    wanted: _Attention,
    output: Path | None,
    *,
    allows_leaked: bool,
    drops_leaked: bool,
) -> "Results":
    """Translate a test set and score the translations; write translations and attention to the files that were given."""
    from translator.jobs.compare.evaluate import all_leaked_lines, evaluate_first, evaluate_run
    from translator.jobs.compare.tables import evaluation_results

    run, settings, device, batch_size, tokenizer = search
    test = given_test or run.split("test")
    if drops_leaked:
        leaked = all_leaked_lines(run, test)
        notify(f"left out {len(leaked):,} of {len(test.source):,} test pairs, which are also training pairs")
        test = test.without(leaked)
    viewer = _open_viewer(search, wanted)
    agreement = viewer.agreement(test, wanted.alignments) if viewer and wanted.alignments else None
    notify(f"translating {len(test.source):,} sentences with {run.place}")
    with Display() as display:
        display.working("translating")
        evaluation = evaluate_run(
            run,
            test,
            settings,
            device=device,
            batch_size=batch_size,
            allow_leaked=allows_leaked,
            tokenizer=tokenizer,
        )
    evaluation = evaluation._replace(alignment=agreement)
    if viewer and wanted.request:
        results = ([candidate] for candidate in evaluation.best)
        with attention_file(wanted.request) as keep:
            for sentence, [best], attention_maps in with_attention(results, test.source, viewer):
                keep(sentence, best.text, attention_maps)
    if output is not None:
        write_lines(output, evaluation.hypotheses)
    for notice in evaluation.notices:
        warn(notice)
    first = None if given_test else evaluate_first(run, settings, device=device, batch_size=batch_size)
    return evaluation_results(evaluation, first)


def _open_viewer(search: _Search, wanted: _Attention) -> "AttentionViewer | None":
    """Return the viewer of the attention that the options ask for, or None."""
    if not wanted.request and not wanted.alignments:
        return None
    from translator.jobs.translate.load import load

    return wanted.view.viewer(load(search.run, device=search.device), search.run)
