"""The mistakes a user, a file or a machine can make, each with the exit code that the command line returns for it.

Raised where the offending value is used; shown by `cli/` in one to a few lines. Anything else that escapes is a bug of ours.
"""

NO_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "bad allocation", "could not create a memory")
"""How allocators say it that have no exception of their own."""
NO_THREAD = ("start new thread", "resource temporarily unavailable")


class TranslatorError(Exception):
    """`place: what was found, expected what; what to do`, as one sentence for the person who typed the command."""

    exit_code = 1

    def __init__(self, place: str, problem: str, advice: str = "") -> None:
        self.place, self.problem, self.advice = place, problem, advice
        super().__init__(f"{place}: {problem}" + (f"; {advice}" if advice else ""))


class UsageError(TranslatorError):
    """A command line, an option or a config that asks for something impossible."""

    exit_code = 2


class DataError(TranslatorError):
    """A corpus or an input text that cannot be used as it is."""

    exit_code = 3


class ModelError(TranslatorError):
    """A run folder, checkpoint or tokenizer that is missing, damaged or of another kind."""

    exit_code = 4


class MachineError(TranslatorError):
    """The surroundings refuse: device, disk, memory, permission, network, or an output that exists already."""

    exit_code = 5


class NumericalError(TranslatorError):
    """Training left the finite numbers."""

    exit_code = 6


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator failed."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in NO_MEMORY)


def is_out_of_threads(error: BaseException) -> bool:
    """Whether a thread could not be started."""
    return any(sign in str(error).lower() for sign in NO_THREAD)
