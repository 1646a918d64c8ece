"""`translator export`: a run for another program's engine."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import notify, say
from translator.cli.options import RUNS, Force
from translator.errors import UsageError

Quantization = Annotated[
    str | None, typer.Option(metavar="int8|int16|float16|...", help="Round the weights; default: as they are.")
]


def export(
    run: Annotated[Path | None, typer.Argument(help="Run folder; default: the one that `train` finished last.")] = None,
    to: Annotated[str, typer.Option(metavar="ctranslate2", help="The engine to write for.")] = "ctranslate2",
    output: Annotated[
        Path | None, typer.Option(help="Folder to write; default: ctranslate2 in the run folder.")
    ] = None,
    quantization: Quantization = None,
    agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=100, metavar="PERCENT", help="Least share of equal translations; default: 99, quantized 0."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a finished Transformer for CTranslate2, and compare both on validation sentences, greedy and with beam 5.

    `translator translate --engine ctranslate2` then uses it. Needs CTranslate2: pip install ctranslate2.

    \b
    Examples:
      translator export runs/demo --to ctranslate2
      translator export runs/demo --to ctranslate2 --quantization int8 --output demo-int8
    """
    from translator.jobs.export.export import SAME, export_run
    from translator.runs.folder import RunFolder, latest_run

    if to != "ctranslate2":
        raise UsageError("--to", f"found {to!r}, expected 'ctranslate2'")
    folder = RunFolder(run) if run else latest_run(RUNS)
    done = export_run(folder, output, quantization=quantization, least=agreement, force=force)
    for one in done.agreements:
        notify(str(one))
    if not done.is_same:
        notify(f"notice: below {SAME:g} %, so these are not the run's own translations")
    say(str(done.path))
