"""The first use of the library's vector mathematics, by two threads at once, changes no digit."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
            with ThreadPoolExecutor(2) as pool:
                encodings = list(pool.map(lambda length: sinusoids(0, length, 16), (42, 58)))
            os.write(writing, hashlib.sha256(torch.cat(encodings).numpy().tobytes()).digest())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        digest = pipe.read()
    os.waitpid(pid, 0)
    return digest


def test_two_threads_may_use_vector_mathematics_first(record_property: Callable[[str, object], None]) -> None:
    """Without the call in `configure_library`, about one process in 2,000 has other digits on a machine with MKL."""
    program = "from tests.long.test_first_use import *; "
    program += "print(*sum(Counter(digest_of_a_new_process().hex() for _ in range(PROCESSES)).items(), ()))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, count = done.stdout.split()  # one digest, that of all processes
    assert count == str(PROCESSES), done.stderr
    record_property("processes whose threads used vector mathematics first", PROCESSES)
