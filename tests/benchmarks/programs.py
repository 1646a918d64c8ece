"""Runs the programs that a benchmark measures and reports the peak memory of each."""

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


class Programs:
    """Starts programs from a small helper process, because the peak memory of a child includes that of its parent at the fork.

    Create it before anything that needs memory.
    """

    def __init__(self) -> None:
        self.pool = ProcessPoolExecutor(1, get_context("fork"))
        self.pool.submit(os.getpid).result()

    def close(self) -> None:
        """Stop the helper process."""
        self.pool.shutdown()

    def run(self, words: Sequence[str]) -> tuple[str, float]:
        """Return (standard output, peak memory in MB) of a program and its children. Raise CalledProcessError if it fails."""
        return self.pool.submit(_run_program, words).result()


def _run_program(words: Sequence[str]) -> tuple[str, float]:
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert program.stdout is not None
    output = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, list(words))
    return output, usage.ru_maxrss / 1000
