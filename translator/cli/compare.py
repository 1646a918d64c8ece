"""`translator compare`: find out which of several models is better, and how certain that is."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli import options
from translator.cli.console import notify, print_result, warn
from translator.cli.files import read_given_test
from translator.cli.progress import Display, TrainingDisplay
from translator.cli.report import write_report
from translator.cli.tables import choose_format, render

_DEFAULT_NAMES = ["demo-fixed-vector", "demo-additive", "demo"]

_Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|CONFIG", help="Folders or names of runs, or configs.", show_default=", ".join(_DEFAULT_NAMES)
    ),
]
_Seeds = Annotated[int, options.option("N", "Runs of each config, with consecutive seeds.", min=1, max=100)]
_Strict = Annotated[bool, options.switch("Reject runs trained under unequal conditions.")]
_Sentences = Annotated[bool, options.switch("Print the sentences that differ most.", panel=options.OUTPUT)]
_Report = Annotated[Path | None, options.option("FILE", "HTML report to write.", panel=options.OUTPUT)]
_SkipMissing = Annotated[bool, options.switch("Skip runs that are missing or damaged.")]


def compare(
    names: _Names = None,
    source: options.Source = None,
    reference: options.Reference = [],  # noqa: B006 - read by Typer, never changed
    seeds: _Seeds = 1,
    strict: _Strict = False,
    sentences: _Sentences = False,
    beam_size: options.BeamSize = None,
    batch_size: options.BatchSize = None,
    form: options.Format = None,
    json: options.Json = False,
    report: _Report = None,
    force: options.Force = False,
    allow_leaked: options.AllowLeaked = False,
    skip_missing: _SkipMissing = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
) -> None:
    """Find out which of several models is better.

    All models translate the same test set with the same decoding settings. A config without a finished run is trained first.
    One run of each model is compared by a paired bootstrap test on the test set. With --seeds, configs are compared by
    Welch's t test on their mean BLEU over several seeds.

    Models and seeds may differ. Everything else should be equal: data, tokenizer, number of steps, [training], [ops], [decoding],
    machine, library versions, and, within 25 %, parameters and training time. Differences are listed; --strict rejects them.

    \b
    Examples:
      translator compare
      translator compare demo demo-window --seeds 3 --strict
      translator compare bahdanau luong --format latex
    """
    from translator.jobs.compare.compare import check_decoding, compare_runs, given_decoding, with_seeds
    from translator.jobs.compare.find import find_runs
    from translator.jobs.compare.tables import comparison_results
    from translator.jobs.translate.device import choose_device

    form, test = choose_format(form, json=json), read_given_test(source, reference, report, force=force)
    names, place, skipped = names or _DEFAULT_NAMES, choose_device(device), notify if skip_missing else None
    check_decoding(overrides, beam_size)
    runs = find_runs(names, seeds=seeds, skipped=skipped, device=place, open_observer=TrainingDisplay)
    with Display() as display:
        comparison = compare_runs(
            runs,
            test,
            given_decoding(runs, overrides, beam_size),
            device=place,
            batch_size=batch_size,
            allow_leaked=allow_leaked,
            strict=strict,
            working=display.working,
        )
    comparison = with_seeds(comparison, [Path(name).stem for name in names]) if seeds > 1 else comparison
    for notice in comparison.all_notices:
        warn(notice)
    if report is not None:
        write_report(comparison, runs, report, place)
    print_result(render(comparison_results(comparison, with_sentences=sentences), form))
