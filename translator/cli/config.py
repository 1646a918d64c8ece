"""`translator config`: print a complete config."""

from typing import Annotated

import typer

from translator.cli import options
from translator.cli.console import print_result
from translator.config_files import find_config


def config(
    name: Annotated[str, typer.Argument(metavar="CONFIG", help="TOML file, or name of a shipped config.")] = "demo",
    overrides: options.Overrides = [],  # noqa: B006 - read by Typer, never changed
) -> None:
    """Print a complete config, with each setting explained.

    \b
    Examples:
      translator config > mine.toml
      translator config demo-additive --set training.steps=500 > mine.toml
    """
    from translator.config import load_config
    from translator.jobs.show.settings import commented

    print_result(commented(load_config(find_config(name), overrides)))
