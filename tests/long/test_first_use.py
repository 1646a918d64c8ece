"""Results do not depend on which thread calls the vector functions of MKL first."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import torch

from translator.jobs.translate.device import configure_library
from translator.models.positions import sinusoids
from translator.ops.choice import Ops

PROCESSES = 4000
ROOT = Path(__file__).parent.parent.parent


def digest_of_a_new_process() -> bytes:
    """Fork, let two threads compute position encodings, and return a digest of both."""
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            configure_library(torch.device("cpu"), Ops())
            barrier = Barrier(2)

            def encode(length: int) -> torch.Tensor:
                barrier.wait()  # so that both threads make the first call
                return sinusoids(0, length, 16)

            with ThreadPoolExecutor(2) as pool:
                encodings = list(pool.map(encode, (42, 58)))
            os.write(writing, hashlib.sha256(torch.cat(encodings).numpy().tobytes()).digest())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        digest = pipe.read()
    os.waitpid(pid, 0)
    return digest


def print_digests() -> None:
    """Print each digest that occurs, and the number of processes that have it."""
    for digest, count in Counter(digest_of_a_new_process().hex() for _ in range(PROCESSES)).items():
        print(digest, count)  # noqa: T201


def test_the_first_call_of_vector_functions_may_come_from_two_threads(
    record_property: Callable[[str, object], None],
) -> None:
    """Without the call in `configure_library`, about one process in 2,000 computes different digits on a machine with MKL."""
    words = [sys.executable, "-c", "from tests.long.test_first_use import print_digests; print_digests()"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert [line.split()[1] for line in done.stdout.splitlines()] == [str(PROCESSES)], done.stdout + done.stderr
    record_property("processes whose threads called vector functions first", PROCESSES)
