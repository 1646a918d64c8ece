"""`translator export`: convert a run for another inference engine."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli import options
from translator.cli.console import notify, print_path, warn
from translator.errors import UsageError


def export(
    run: options.FinishedRun = None,
    to: Annotated[str, typer.Option(metavar="ctranslate2", help="Engine to convert for.")] = "ctranslate2",
    output: Annotated[
        Path | None, typer.Option(help="Folder to write.", show_default="ctranslate2 in the run folder")
    ] = None,
    quantization: Annotated[
        str | None,
        typer.Option(metavar="int8|int16|float16|...", help="Quantize the parameters.", show_default="not quantized"),
    ] = None,
    agreement: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="Fail if fewer translations are identical.",
            show_default="99, or 0 with --quantization",
        ),
    ] = None,
    force: options.Force = False,
) -> None:
    """Convert a finished Transformer to CTranslate2 and check that it translates the same.

    Validation sentences are translated with both engines, by greedy search and with beam size 5. Use the result with
    `translator translate --engine ctranslate2`. Requires CTranslate2: pip install ctranslate2

    \b
    Examples:
      translator export runs/demo --to ctranslate2
      translator export runs/demo --to ctranslate2 --quantization int8 --output demo-int8
    """
    from translator.jobs.export.export import MIN_AGREEMENT, export_run
    from translator.runs.lookup import find_run

    if to != "ctranslate2":
        raise UsageError("--to", f"found {to!r}, expected 'ctranslate2'")
    folder = find_run(run)
    exported = export_run(folder, output, quantization=quantization, min_agreement=agreement, force=force)
    for comparison in exported.agreements:
        notify(str(comparison))
    if not exported.is_equivalent:
        warn(f"less than {MIN_AGREEMENT:g} % of the translations are identical to those of the run")
    print_path(exported.path)
