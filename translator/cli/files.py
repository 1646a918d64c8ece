"""Where commands read from and write to: checked before any work, and written whole or not at all."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli.console import say
from translator.errors import DataError, MachineError, UsageError
from translator.storage.files import new_file, write_errors
from translator.text.reader import decode_lines, read_lines

if TYPE_CHECKING:
    from translator.runs.folder import HeldOut


def check_output(output: Path | None, *inputs: Path | None, force: bool) -> None:
    """Refuse an output that would be lost, or take the place of an input, and one that cannot be written."""
    if output is None:
        return
    for one in inputs:
        if one is not None and one.exists() and output.exists() and output.samefile(one):
            raise UsageError("--output", f"{output} is the same file as {one}, which is read", "choose another name")
    if output.exists() and not output.is_file():
        raise MachineError(str(output), "is not a file", "choose another name, or leave --output out")
    if output.exists() and not force:
        raise MachineError(str(output), "exists", "choose another name, or give --force")
    if not output.absolute().parent.is_dir():
        raise MachineError(str(output.parent), "no such folder", "make it first")
    if not os.access(output.absolute().parent, os.W_OK):
        raise MachineError(str(output.parent), "may not be written in", "choose another folder")


def read_given_test(
    source: Path | None, reference: Path | None, output: Path | None, *, force: bool
) -> "HeldOut | None":
    """The test set that a command was given, if it was. Refuses half of one, and an output as `check_output` does."""
    from translator.jobs.compare.evaluate import read_test

    if (source is None) != (reference is None):
        raise UsageError("--source and --reference", "one is given without the other", "give both, or neither")
    check_output(output, source, reference, force=force)
    return read_test(source, reference) if source and reference else None


def input_lines(text: list[str] | None, input: Path | None) -> Iterator[str]:  # noqa: A002
    """The lines of the command line, of a file or of standard input.

    Bare words are one line; where an argument has a space in it, each argument is a line of its own.
    """
    if text:
        quoted = any(" " in argument.strip() for argument in text)
        typed = (os.fsencode(line).replace(b"\n", b" ") for line in (text if quoted else [" ".join(text)]))
        yield from decode_lines(typed, "command line")
    elif input is not None:
        yield from read_lines(input)
    else:
        try:
            yield from decode_lines(prompted() if is_prompt(text, input) else sys.stdin.buffer, "standard input")
        except OSError as error:
            raise DataError("standard input", f"cannot be read ({error.strerror})", "give --input or words") from error


def is_prompt(text: list[str] | None, input: Path | None) -> bool:  # noqa: A002
    """Whether a person is typing the lines."""
    return not text and input is None and sys.stdin.isatty()


def prompted() -> Iterator[bytes]:
    """Lines typed at a prompt, until the end of input."""
    while True:
        sys.stderr.write("> ")
        sys.stderr.flush()
        line = sys.stdin.buffer.readline()
        if not line:
            sys.stderr.write("\n")
            return
        yield line


@contextmanager
def written(output: Path | None) -> Iterator[Callable[[str], None]]:
    """A function that writes a line to standard output, or to a file that appears when the block ends well."""
    if output is None:
        yield say
        return
    with new_file(output) as file:

        def write(line: str) -> None:
            with write_errors(output):
                file.write(f"{line}\n".encode())

        yield write
