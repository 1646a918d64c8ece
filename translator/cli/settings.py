"""`translator settings`: explain the settings of configs."""

import shutil
from typing import Annotated

import typer

from translator.cli.console import print_result

_MAX_WIDTH = 100


def settings(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Setting, table or part of a name.", show_default="all settings"),
    ] = None,
) -> None:
    """Explain settings: meaning, range and default.

    \b
    Examples:
      translator settings training.steps
      translator settings dropout
      translator settings decoding | less
    """
    from translator.jobs.show.settings import all_settings, find_settings

    width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    found = all_settings() if name is None else find_settings(name)
    print_result("\n".join(line for setting in found for line in setting.lines(width)))
