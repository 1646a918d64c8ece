"""Programs that a benchmark runs, and the most memory that each held."""

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


class Programs:
    """Runs programs from a process of its own; make it first, as a child's memory begins with that of whoever starts it."""

    def __init__(self) -> None:
        self.pool = ProcessPoolExecutor(1, get_context("fork"))
        self.pool.submit(os.getpid).result()

    def close(self) -> None:
        """End that process."""
        self.pool.shutdown()

    def run(self, words: Sequence[str]) -> tuple[str, float]:
        """(standard output, most memory in MB) of a program with its children. Raises CalledProcessError where it fails."""
        return self.pool.submit(run_program, words).result()


def run_program(words: Sequence[str]) -> tuple[str, float]:
    """The same, here."""
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert program.stdout is not None
    output = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, list(words))
    return output, usage.ru_maxrss / 1000
