"""`translator pack`: write a finished run into one file."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli import options
from translator.cli.console import notify, print_result
from translator.cli.files import check_output
from translator.errors import UsageError

_Output = Annotated[
    Path | None, typer.Argument(metavar="FILE.zip", help="File to write.", show_default="the name of the run")
]


def pack(
    run: options.FinishedRun = None,
    output: _Output = None,
    licence: options.Licence = None,
    force: options.Force = False,
    device: options.Device = "auto",
) -> None:
    """Pack a run into one file to share it.

    The file contains the parameters, tokenizer, config, hashes and a model card, but no sentence of the corpus and no path.
    For the card, the run is scored on its test set. Every command that reads a run accepts the file.

    \b
    Examples:
      translator pack
      translator pack runs/demo demo.zip --license cc-by-4.0
      translator translate --run demo.zip "the old man reads a book"
    """
    from translator.jobs.share.pack import pack_run
    from translator.jobs.translate.device import choose_device
    from translator.runs.lookup import find_run
    from translator.runs.packed import SUFFIX

    folder = find_run(run)
    output = output or Path(f"{folder.name}{SUFFIX}")
    if output.suffix != SUFFIX:
        raise UsageError("pack", f"found {str(output)!r}, expected a name that ends in {SUFFIX}", f"add {SUFFIX}")
    check_output(output, force=force)
    notify(f"packing {folder.place}")
    pack_run(folder, output, licence=licence, device=choose_device(device))
    print_result(str(output))
