"""`translator report`: write an HTML page about one or more runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli import options
from translator.cli.console import notify, print_path
from translator.cli.files import read_given_test, write_lines
from translator.cli.progress import Display

if TYPE_CHECKING:
    import torch

    from translator.jobs.compare.compare import Comparison
    from translator.runs.folder import RunFolder


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Folders or names of runs; also as --run.", show_default=options.LATEST),
    ] = None,
    output: Annotated[Path, options.option("FILE", "HTML file to write.", panel=options.OUTPUT)] = Path("report.html"),
    source: options.Source = None,
    reference: options.Reference = [],  # noqa: B006 - read by Typer, never changed
    beam_size: options.BeamSize = None,
    batch_size: options.BatchSize = None,
    force: options.Force = False,
    allow_leaked: options.AllowLeaked = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
) -> None:
    """Write a web page with scores, curves, sentences and attention.

    The page is a single self-contained HTML file. Several runs are compared as in `translator compare`.

    \b
    Examples:
      translator report
      translator report runs/demo runs/demo-additive --output report.html
      translator report runs/mine --source test.en --reference test.de --force
    """
    from translator.jobs.compare.compare import compare_runs, given_decoding
    from translator.jobs.translate.device import choose_device
    from translator.runs.lookup import find_run

    test, place = read_given_test(source, reference, output, force=force), choose_device(device)
    folders = [find_run(name) for name in runs] if runs else [find_run(None)]
    for folder in folders:
        folder.require_finished()
    settings = given_decoding(folders, overrides, beam_size)
    with Display() as display:
        comparison = compare_runs(
            folders,
            test,
            settings,
            device=place,
            batch_size=batch_size,
            allow_leaked=allow_leaked,
            working=display.working,
        )
    write_report(comparison, folders, output, place)
    print_path(output)


def write_report(comparison: "Comparison", runs: "Sequence[RunFolder]", output: Path, device: "torch.device") -> None:
    """Write the HTML page about a comparison of these runs."""
    from translator.jobs.show.report import report as page_of_runs

    with Display() as display:
        page = page_of_runs(comparison, runs, device=device, working=display.working)
    write_lines(output, [page])
    notify(f"{output}: written; open it in a browser")
