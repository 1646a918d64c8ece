"""The errors that a user, a file or the machine can cause, each with the exit code of the command line.

They are raised where the offending value is used, and shown by `cli/` on one line. Any other exception is a bug.
"""

import difflib
from collections.abc import Iterable, Sequence

_OUT_OF_MEMORY = (
    "allocate memory", "out of memory", "bad_alloc", "bad allocation", "could not create a memory",
    "error return without exception set",  # C code that failed without memory even for an exception, as while importing
    "[enforce fail a",  # torch's "[enforce fail at alloc_cpu.cpp ...", which is cut short if memory runs out on the way
)  # fmt: skip
"""Messages of allocators that raise no MemoryError."""
_OUT_OF_THREADS = ("start new thread", "resource temporarily unavailable")


class TranslatorError(Exception):
    """An error as one sentence: `place: what was found, expected what; what to do`."""

    exit_code = 1

    def __init__(self, place: str, problem: str, advice: str = "") -> None:
        self.place, self.problem, self.advice = place, problem, advice
        super().__init__(f"{place}: {problem}" + (f"; {advice}" if advice else ""))


class UsageError(TranslatorError):
    """An invalid command line, option or config."""

    exit_code = 2


class DataError(TranslatorError):
    """An invalid corpus or input text."""

    exit_code = 3


class ModelError(TranslatorError):
    """A missing, damaged or incompatible run folder, checkpoint or tokenizer."""

    exit_code = 4


class MachineError(TranslatorError):
    """A problem of the environment: device, disk, memory, permissions, network, or an output that already exists."""

    exit_code = 5


class NumericalError(TranslatorError):
    """Training diverged: a loss or gradient is not finite."""

    exit_code = 6


def most_similar(name: object, names: Iterable[str]) -> str | None:
    """Return the name that is most similar, or None if none is."""
    similar = difflib.get_close_matches(name, list(names), n=1) if isinstance(name, str) else []
    return similar[0] if similar else None


def expected_name(name: object, names: Iterable[str]) -> str:
    """Return what an error expects in place of `name`: all names and, if one is similar, a suggestion."""
    *others, last = map(repr, names)
    choices = f"{', '.join(others)} or {last}" if others else last
    similar = most_similar(name, names)
    return f"{choices}; did you mean {similar!r}?" if similar else choices


def listed(items: Sequence[object], most: int = 10) -> str:
    """Return the items for a message, separated by commas: at most `most` of them, and how many more there are."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def abbreviated(text: str, most: int) -> str:
    """Return a text for a message, cut after `most` characters."""
    return text if len(text) <= most else f"{text[:most]}..."


def first_line(error: BaseException) -> str:
    """Return the first line of the message of a library's error, or the name of its class if it has no message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error is a failed memory allocation."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in _OUT_OF_MEMORY)


def is_out_of_threads(error: BaseException) -> bool:
    """Return whether the error is a thread that could not be started."""
    return any(text in str(error).lower() for text in _OUT_OF_THREADS)
