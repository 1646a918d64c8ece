"""The Typer application: registers the commands and turns errors into messages and exit codes."""

import errno
import os
import sys
import traceback
from typing import Annotated

import typer

from translator.cli import compare, evaluate, export, report, story, train, translate, watch
from translator.cli.console import complain, notify, silence
from translator.errors import MachineError, TranslatorError, UsageError, is_out_of_memory, is_out_of_threads
from translator.version import __version__

HELP = """Train, run and compare translation models that stand on one shared attention core.

Begin with `translator train`, then `translator translate "the old man reads a book"`.
Every command works without options; each one's --help has examples.
"""
MISUSE: type[Exception] = typer.BadParameter.__mro__[1]
"""What every command line that Typer refuses raises; Typer does not export it."""

app = typer.Typer(help=HELP, invoke_without_command=True, pretty_exceptions_enable=False, rich_markup_mode=None)
COMMANDS = (
    train.train,
    translate.translate,
    evaluate.evaluate,
    compare.compare,
    report.report,
    story.story,
    watch.watch,
    export.export,
)
for command in COMMANDS:
    app.command()(command)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        sys.stdout.write(f"translator {__version__}\n")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def run() -> int:
    """Run the command line; returns the exit code."""
    prepare_streams()
    try:
        code = app(standalone_mode=False, prog_name="translator")
        sys.stdout.flush()
        return int(code or 0)
    except SystemExit as leaving:  # also how Typer answers a pipe that closed
        return report_os_error(leaving.__context__) if isinstance(leaving.__context__, OSError) else finish(leaving)
    except TranslatorError as error:
        complain(str(error))
        return error.exit_code
    except MISUSE as error:
        return report_misuse(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        return report_os_error(error)
    except ImportError:
        raise
    except Exception as error:
        return report_surprise(error)


def prepare_streams() -> None:
    """UTF-8 whatever the locale. One that is closed is replaced by one that fails when it is used; errors go nowhere."""
    for name, mode, flag in (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flag), mode))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def finish(leaving: SystemExit) -> int:
    """The exit code of a program that has ended by itself, once its output is out."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return report_os_error(error)
    return leaving.code if isinstance(leaving.code, int) else 0


def report_misuse(error: Exception) -> int:
    """A command line that Typer refuses, in the form of all our errors."""
    context = getattr(error, "ctx", None)
    place = context.command_path if context else "translator"
    near = sorted(getattr(error, "possibilities", None) or [])
    problem = str(error) if near else error.format_message()  # type: ignore[attr-defined]
    advice = f"did you mean {' or '.join(near)}?" if near else f"{place} --help shows what there is"
    complain(str(UsageError(place, problem.rstrip("."), "" if problem.endswith("?") else advice)))
    return UsageError.exit_code


def report_os_error(error: OSError) -> int:
    """A reader that went away is silent, 141; a disk or permission that failed is a machine's fault, 5."""
    code = MachineError.exit_code
    if isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE:
        code = 141
    elif error.filename:
        complain(str(MachineError(str(error.filename), f"cannot be read or written ({error.strerror})")))
    elif error.errno is None:
        complain(str(MachineError("operating system", str(error))))
    else:
        complain(str(MachineError("standard output", f"cannot be written ({error.strerror})")))
    silence(sys.stdout)
    return code


def report_surprise(error: Exception) -> int:
    """Memory or threads that ran out are the machine's; what else nobody expected is a fault of this program, and says so."""
    if is_out_of_memory(error):
        advice = "lower --batch-size, --beam-size or training.batch_tokens, or choose a smaller model"
        complain(str(MachineError("memory", "there is not enough of it", advice)))
        return MachineError.exit_code
    if is_out_of_threads(error):
        advice = "free memory, or raise the limits that `ulimit -v` and `ulimit -u` show"
        complain(str(MachineError("threads", "no further one can be started", advice)))
        return MachineError.exit_code
    for line in traceback.format_exc().splitlines():
        notify(line)
    complain(f"this is a fault of translator {__version__} and not yours; please report it with the lines above")
    return 1
