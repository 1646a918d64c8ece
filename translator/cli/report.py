"""`translator report`: what there is to see of some runs, as one page for a browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import notify, say
from translator.cli.files import read_given_test, written
from translator.cli.options import (
    RUNS,
    AllowLeaked,
    BatchSize,
    BeamSize,
    DecodingOverrides,
    Device,
    Force,
    Reference,
    Source,
)

if TYPE_CHECKING:
    import torch

    from translator.jobs.compare.compare import Comparison
    from translator.runs.folder import RunFolder


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Run folders; default: the one trained last.")
    ] = None,
    output: Annotated[Path, typer.Option(help="File for the page.")] = Path("report.html"),
    source: Source = None,
    reference: Reference = None,
    beam_size: BeamSize = None,
    batch_size: BatchSize = None,
    force: Force = False,
    allow_leaked: AllowLeaked = False,
    overrides: DecodingOverrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
) -> None:
    """Write a page to be opened in a browser: scores, learning curves, every sentence and where each model looked.

    It is one file that loads nothing from elsewhere. Several runs are compared as `translator compare` does it.

    \b
    Examples:
      translator report
      translator report runs/demo runs/demo-additive --output report.html
      translator report runs/mine --source test.en --reference test.de --force
    """
    from translator.jobs.compare.compare import compare_runs, given_decoding
    from translator.jobs.translate.build import choose_device
    from translator.runs.folder import RunFolder, latest_run

    test, place = read_given_test(source, reference, output, force=force), choose_device(device)
    folders = [RunFolder(path) for path in runs or []] or [latest_run(RUNS)]
    for folder in folders:
        folder.require_finished()
    settings = given_decoding(folders, overrides, beam_size)
    comparison = compare_runs(folders, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked)
    write_report(comparison, folders, output, place)
    say(str(output))


def write_report(comparison: "Comparison", runs: "Sequence[RunFolder]", output: Path, device: "torch.device") -> None:
    """The page of a comparison of these runs, in a file."""
    from translator.jobs.show.report import report as page_of_runs

    page = page_of_runs(comparison, runs, device=device)
    with written(output) as write:
        write(page)
    notify(f"{output}: written, to be opened in a browser")
