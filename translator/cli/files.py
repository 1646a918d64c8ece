"""Input and output of the commands: checked before any work is done, and written completely or not at all."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli.console import print_result
from translator.errors import MachineError, UsageError
from translator.storage.files import new_file, write_errors
from translator.text.reader import bounded_lines, decode_lines, read_lines

if TYPE_CHECKING:
    from translator.jobs.compare.evaluate import Lines
    from translator.runs.folder import HeldOut

_STANDARD_INPUT = Path("-")


def check_output(output: Path | None, *inputs: Path | None, force: bool) -> None:
    """Raise UsageError if the output is also an input, MachineError if it exists (without `force`) or cannot be written.

    Links and files of a run folder are refused even with `force`.
    """
    if output is None:
        return
    for path in inputs:
        if path is not None and path.exists() and output.exists() and output.samefile(path):
            raise UsageError("--output", f"{output} is the same file as the input {path}", "choose another name")
    folder = output.absolute().parent.resolve()
    is_regular = output.is_file() or not output.exists()
    if not is_regular or folder == Path("/dev") or folder.is_relative_to("/proc") or folder.is_relative_to("/sys"):
        raise MachineError(str(output), "is not a regular file", "choose another name, or omit --output")
    if output.is_symlink():
        raise MachineError(str(output), "is a symbolic link", "name the file that it leads to, or remove the link")
    if run := _run_with(folder / output.name):
        raise MachineError(str(output), f"belongs to the run {run}", "choose a file outside the run folder")
    if output.exists() and not force:
        raise MachineError(str(output), "already exists", "choose another name, or pass --force")
    if not folder.is_dir():
        raise MachineError(str(output.parent), "no such folder", "create it first")
    if not os.access(folder, os.W_OK):
        raise MachineError(str(output.parent), "folder is not writable", "choose another folder")


def _run_with(path: Path) -> Path | None:
    """Return the run folder that a resolved path is a part of, or None."""
    for folder in path.parents:
        if (folder / "run.json").is_file():
            from translator.runs.folder import PARTS

            if path.relative_to(folder).parts[0] in PARTS:
                return folder
    return None


def read_given_test(
    source: Path | None, references: list[Path], output: Path | None, *, force: bool
) -> "HeldOut | None":
    """Return the test set of --source and --reference, or None without them; check the output first.

    Raises UsageError if only one of the two is given.
    """
    from translator.jobs.compare.evaluate import given_test

    if (source is None) != (not references):
        raise UsageError("--source and --reference", "only one of them is given", "give both or neither")
    check_output(output, source, *references, force=force)
    return given_test(*read_sides(source, *references)) if source and references else None


def read_sides(*paths: Path) -> "list[Lines]":
    """Read files; "-" is standard input. Raises UsageError if that is given for two of them."""
    from translator.jobs.compare.evaluate import Lines

    if paths.count(_STANDARD_INPUT) > 1:
        raise UsageError(
            "-", "given for two files, but standard input can be read only once", "save one of them in a file"
        )
    return [
        Lines("standard input", list(decode_lines(bounded_lines(sys.stdin.buffer.readline), "standard input")))
        if path == _STANDARD_INPUT
        else Lines(str(path), list(read_lines(path)))
        for path in paths
    ]


@contextmanager
def line_writer(output: Path | None) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a line to standard output, or to a file that appears if the block succeeds."""
    if output is None:
        yield print_result
        return
    with new_file(output) as file:

        def write(line: str) -> None:
            with write_errors(output):
                file.write(f"{line}\n".encode())

        yield write


def write_lines(output: Path, lines: Iterable[str]) -> None:
    """Write the lines to a file."""
    with line_writer(output) as write:
        for line in lines:
            write(line)
