"""`translator report`: what there is to see of some runs, as one page for a browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import say, tell
from translator.cli.options import RUNS, AllowLeaked, BatchSize, BeamSize, Device, Force, Overrides

if TYPE_CHECKING:
    import torch

    from translator.experiment.compare import Comparison
    from translator.experiment.run_folder import RunFolder


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Run folders; default: the one trained last.")
    ] = None,
    output: Annotated[Path, typer.Option(help="File for the page.")] = Path("report.html"),
    source: Annotated[Path | None, typer.Option(help="Sentences to translate; default: the runs' test set.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Their human translations, line by line.")] = None,
    beam_size: BeamSize = None,
    batch_size: BatchSize = 64,
    force: Force = False,
    allow_leaked: AllowLeaked = False,
    overrides: Overrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
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
    from translator.cli.files import check_files
    from translator.errors import UsageError
    from translator.experiment.build import choose_device
    from translator.experiment.compare import common_decoding, compare_runs
    from translator.experiment.evaluate import read_test
    from translator.experiment.run_folder import RunFolder, latest_run
    from translator.experiment.translate import decoding_settings

    if (source is None) != (reference is None):
        raise UsageError("--source and --reference", "one is given without the other", "give both, or neither")
    for given in (source, reference):
        check_files(None, given, output, force=force)
    folders = [RunFolder(path) for path in runs or []] or [latest_run(RUNS)]
    for folder in folders:
        folder.require_finished()
    test, place = read_test(source, reference) if source and reference else None, choose_device(device)
    settings = None
    if overrides or beam_size is not None:
        config = folders[0].config().model_copy(update={"decoding": common_decoding(folders)})
        settings = decoding_settings(config, overrides, {"beam_size": beam_size}, many_allowed=False)
    comparison = compare_runs(folders, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked)
    write_report(comparison, folders, output, place)
    say(str(output))


def write_report(comparison: "Comparison", runs: "Sequence[RunFolder]", output: Path, device: "torch.device") -> None:
    """The page of a comparison of these runs, in a file."""
    from translator.cli.files import written
    from translator.experiment.report import report as page_of_runs

    page = page_of_runs(comparison, runs, device=device)
    with written(output) as write:
        write(page)
    tell(f"{output}: written, to be opened in a browser")
