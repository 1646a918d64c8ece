"""Output of the commands: results on standard output, messages on standard error.

Text from a corpus, a model or a file name goes through `visible` and never through rich's markup.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from translator.text.visible import CONTROL, plain_value, unbroken, visible

PAGE_WIDTH = 80
"""Columns of text pictures that do not go to a terminal."""
SAMPLE_LABELS = ("source", "model", "reference")
_MAX_MESSAGE_CHARACTERS = 4000


def as_json(record: object, indent: int | None = None) -> str:
    """Return the record as JSON with control characters escaped, so that it can be shown on a terminal."""
    text = json.dumps(plain_value(record), indent=indent, ensure_ascii=False, allow_nan=False)
    return CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_result(text: str) -> None:
    """Print to standard output; on a terminal, control characters are shown and the output is flushed."""
    on_terminal = sys.stdout.isatty()
    sys.stdout.write((visible(text) if on_terminal else text) + "\n")
    if on_terminal or can_redraw():
        sys.stdout.flush()


def print_path(path: Path) -> None:
    """Print a path to standard output; on a terminal on one line, even if a name in it contains line feeds."""
    print_result(unbroken(str(path)) if sys.stdout.isatty() else str(path))


def notify(text: str) -> None:
    """Print one line to standard error; a very long line is shortened in the middle, because its end says what to do."""
    line = visible(unbroken(text))
    if len(line) > _MAX_MESSAGE_CHARACTERS:
        line = f"{line[: _MAX_MESSAGE_CHARACTERS // 2]} ... {line[-_MAX_MESSAGE_CHARACTERS // 2 :]}"
    with ignore_closed_stderr():
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def warn(text: str) -> None:
    """Print a warning to standard error."""
    notify(f"warning: {text}")


def print_error(text: str) -> None:
    """Print an error to standard error."""
    notify(f"error: {text}")


@contextmanager
def ignore_closed_stderr() -> Iterator[None]:
    """Drop what the block writes to standard error if nobody reads that any more."""
    try:
        yield
    except OSError:
        discard_output(sys.stderr)


def discard_output(stream: TextIO) -> None:
    """Send what the stream has buffered, and everything written to it from now on, to the null device."""
    # Below Python's buffers, so that what they still hold goes there too.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def can_redraw(stream: TextIO | None = None) -> bool:
    """Return whether a stream, by default standard error, is a terminal that can redraw a line."""
    return (stream or sys.stderr).isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
