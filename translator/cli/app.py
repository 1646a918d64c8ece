"""The Typer application: registers the commands and turns errors into messages and exit codes."""

import errno
import os
import sys
import traceback
from typing import Annotated

import typer

from translator.cli import (
    compare,
    config,
    evaluate,
    export,
    pack,
    report,
    runs,
    serve,
    settings,
    story,
    train,
    translate,
    watch,
)
from translator.cli.command import Command
from translator.cli.console import discard_output, notify, print_error
from translator.errors import MachineError, TranslatorError, UsageError, is_out_of_memory, is_out_of_threads
from translator.version import __version__

_HELP = """Train, run and compare translation models built on one attention core.

Start with `translator train`, then `translator translate "the old man reads a book"`.
Every command works without arguments; its --help shows examples.
"""

app = typer.Typer(
    help=_HELP,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (
    train.train,
    translate.translate,
    evaluate.evaluate,
    compare.compare,
    report.report,
    story.story,
    watch.watch,
    export.export,
    pack.pack,
    serve.serve,
    runs.runs,
    config.config,
    settings.settings,
):
    app.command(cls=Command)(_command)


def _show_version(is_requested: bool) -> None:
    if is_requested:
        sys.stdout.write(f"translator {__version__}\n")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]


@app.callback()
def _main(context: typer.Context, version: _Version = False) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def run() -> int:
    """Run the command line and return the exit code."""
    _prepare_streams()
    try:
        try:
            code = app(standalone_mode=False, prog_name="translator")
        except SystemExit as stop:
            if isinstance(stop.__context__, OSError):  # Typer exits on its own when a pipe is closed
                raise stop.__context__ from None
            code = stop.code if isinstance(stop.code, int) else 0
        sys.stdout.flush()
        return int(code or 0)
    except TranslatorError as error:
        return _report(error)
    except typer.TyperException as error:
        return _report_usage_error(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130  # 128 + SIGINT
    except OSError as error:
        return _report_os_error(error)
    except ImportError:  # reported by __main__
        raise
    except Exception as error:
        return _report_unexpected_error(error)


def _prepare_streams() -> None:
    """Use UTF-8 in any locale.

    A closed input or output is replaced by a stream that fails when it is used; a closed standard error by the null device.
    """
    for name, mode, flag in (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flag), mode))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def _report(error: TranslatorError) -> int:
    """Print an error and return its exit code."""
    print_error(str(error))
    return error.exit_code


def _report_usage_error(error: typer.TyperException) -> int:
    """Print a command line that Typer rejects in the form of all our errors."""
    context = getattr(error, "ctx", None)
    place = context.command_path if context else "translator"
    suggestions = sorted(getattr(error, "possibilities", None) or [])
    problem = str(error) if suggestions else error.format_message()
    advice = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"see `{place} --help`"
    return _report(UsageError(place, problem.rstrip("."), "" if problem.endswith("?") else advice))


def _report_os_error(error: OSError) -> int:
    """Print which file or stream failed; say nothing if the reader of the output went away (exit code 141)."""
    if isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE:
        code = 141
    elif error.filename:
        code = _report(MachineError(str(error.filename), f"cannot be read or written ({error.strerror})"))
    elif error.errno is None:
        code = _report(MachineError("operating system", str(error)))
    else:
        code = _report(MachineError("standard output", f"cannot be written ({error.strerror})"))
    # Otherwise the interpreter would fail again when it flushes at exit.
    discard_output(sys.stdout)
    return code


def _report_unexpected_error(error: Exception) -> int:
    """Print that memory or threads ran out; anything else is a bug and is printed with its traceback."""
    if is_out_of_memory(error):
        advice = "reduce --batch-size, --beam-size or training.batch_tokens, or choose a smaller model"
        return _report(MachineError("memory", "out of memory", advice))
    if is_out_of_threads(error):
        advice = "free memory, or raise the limits shown by `ulimit -v` and `ulimit -u`"
        return _report(MachineError("threads", "cannot start another thread", advice))
    for line in traceback.format_exc().splitlines():
        notify(line)
    print_error(f"internal error in translator {__version__}; please report this with the traceback above")
    return TranslatorError.exit_code
