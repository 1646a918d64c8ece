"""The Typer application: registers the commands and turns errors into messages and exit codes."""

import errno
import os
import sys
from typing import Annotated

import typer

from translator.cli import compare, evaluate, export, train, translate
from translator.cli.console import complain
from translator.errors import MachineError, TranslatorError
from translator.version import __version__

HELP = """Train, run and compare translation models that stand on one shared attention core.

Begin with `translator train`, then `translator translate "the old man reads a book"`.
Every command works without options; each one's --help has examples.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (train.train, translate.translate, evaluate.evaluate, compare.compare, export.export):
    app.command()(command)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        sys.stdout.write(f"translator {__version__}\n")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def run() -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(standalone_mode=True)
        sys.stdout.flush()
    except SystemExit as leaving:
        return finish(leaving.code)
    except TranslatorError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    except OSError as error:
        return report_os_error(error)
    return int(code or 0)


def finish(code: object) -> int:
    """The exit code of a program that has ended by itself, once its output is out."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return report_os_error(error)
    return code if isinstance(code, int) else 0 if code is None else 1


def report_os_error(error: OSError) -> int:
    """A reader that went away is silent, 141; a disk or permission that failed is a machine's fault, 5."""
    if isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that nothing is flushed into the closed pipe at exit
        return 141
    place = str(error.filename) if error.filename else "standard output"
    complain(str(MachineError(place, f"cannot be read or written ({error.strerror})")))
    if place == "standard output":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return MachineError.exit_code
