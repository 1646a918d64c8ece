"""Input of `translate`: arguments, a file, a pipe or a person at a terminal, as blocks of lines to translate together."""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from translator.cli.console import notify
from translator.errors import DataError
from translator.text.reader import bounded_lines, decode_lines, read_lines

_STANDARD_INPUT = "standard input"
_CHUNK_BYTES = 2**16
_WAIT_SECONDS = 0.005
"""A program that writes many lines may pause this long between two of them; then the lines so far are translated."""


def input_blocks(
    text: list[str] | None,
    input: Path | None,  # noqa: A002
    language: str | None = None,
) -> Iterator[list[str]]:
    """Yield the lines of the arguments, of a file or of standard input; "-" is standard input.

    With a language, the lines are those of a document, and each paragraph is joined to one line.

    A block ends when it is full, and on standard input also when no more lines have arrived, so that a program that
    writes a line and waits gets its answer.
    """
    from translator.jobs.translate.blocks import blocks
    from translator.text.sentences import paragraphs

    if language is not None:
        lines = chain.from_iterable(input_blocks(text, input))
        yield from blocks(paragraphs(lines, language))
        return
    if is_interactive(text, input):
        yield from ([line] for line in decode_lines(_typed_lines(), _STANDARD_INPUT))
    elif text and text != ["-"]:
        yield from blocks(_argument_lines(text))
    elif input is not None and input != Path("-"):
        yield from blocks(read_lines(input))
    else:
        arrivals = _Arrivals()
        yield from blocks(decode_lines(bounded_lines(arrivals.readline), _STANDARD_INPUT), has_more=arrivals.has_line)


def is_interactive(text: list[str] | None, input: Path | None) -> bool:  # noqa: A002
    """Return whether the lines are typed at a terminal."""
    return (not text or text == ["-"]) and input in (None, Path("-")) and sys.stdin.isatty()


def _argument_lines(text: list[str]) -> Iterator[str]:
    """Yield the lines of arguments: if none contains a space they are the words of one line, else each is a line."""
    lines = text if any(" " in argument.strip() for argument in text) else [" ".join(text)]
    # In an argument, bytes that are not UTF-8 are surrogates.
    yield from decode_lines((os.fsencode(line).replace(b"\n", b" ") for line in lines), "command line")


def _typed_lines() -> Iterator[bytes]:
    """Yield the lines that a person types, with the editing keys and the history of GNU Readline where it is available."""
    with suppress(ImportError):  # not on Windows
        import readline  # noqa: F401 - `input` uses it if it has been imported
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    while True:
        try:
            yield _ask().encode("utf-8", "surrogateescape")
        except EOFError:  # Ctrl-D
            notify("")
            return


def _ask() -> str:
    """Prompt for a line and return it. Raises EOFError at the end of the input."""
    if sys.stdout.isatty():
        return input("> ")
    sys.stderr.write("> ")  # `input` would write the prompt among the translations
    sys.stderr.flush()
    if line := sys.stdin.readline():
        return line
    raise EOFError


class _Arrivals:
    """Lines of standard input, and whether another one has already arrived."""

    def __init__(self) -> None:
        self._buffer, self._start, self._is_at_end = b"", 0, False
        try:
            self._descriptor: int | None = sys.stdin.fileno()
        except io.UnsupportedOperation:  # a stream of the same process
            self._descriptor = None

    def has_line(self) -> bool:
        """Return whether `readline` would return a line, or the end, without waiting."""
        while not self._is_complete(_CHUNK_BYTES) and self._is_readable():
            self._fill()
        return self._is_complete(_CHUNK_BYTES)

    def readline(self, size: int) -> bytes:
        """Return the rest of the line, but at most `size` bytes; nothing at the end of the input."""
        while not self._is_complete(size):
            self._fill()
        # The next line, or at the end of the input what is left.
        line_end = self._buffer.find(b"\n", self._start) + 1 or len(self._buffer)
        start, self._start = self._start, min(line_end, self._start + size)
        return self._buffer[start : self._start]

    def _is_complete(self, size: int) -> bool:
        """Return whether the buffer has a line end or `size` bytes, or nothing will be added to it."""
        has_end = self._buffer.find(b"\n", self._start) >= 0
        return has_end or self._is_at_end or len(self._buffer) - self._start >= size

    def _is_readable(self) -> bool:
        try:
            return self._descriptor is None or bool(select.select([self._descriptor], [], [], _WAIT_SECONDS)[0])
        except OSError:  # Windows can only wait for sockets
            return True

    def _fill(self) -> None:
        """Wait for input and read what has arrived. Raises DataError if standard input cannot be read."""
        try:
            source = self._descriptor
            chunk = sys.stdin.buffer.read(_CHUNK_BYTES) if source is None else os.read(source, _CHUNK_BYTES)
        except OSError as error:
            advice = "pass the text as arguments or with --input"
            raise DataError(_STANDARD_INPUT, f"cannot be read ({error.strerror})", advice) from error
        self._is_at_end = not chunk
        self._buffer, self._start = self._buffer[self._start :] + chunk, 0
