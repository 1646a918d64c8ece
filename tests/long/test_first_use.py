"""The first use of the library's vector mathematics, by two threads at once, changes no digit."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from translator.jobs.translate.device import configure_library
from translator.models.positions import sinusoids
from translator.ops.choice import Ops

PROCESSES = 4000


def digest_of_a_new_process() -> bytes:
    """Fork, let two threads compute the same position encodings, and return a digest of both."""
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        configure_library(torch.device("cpu"), Ops())
        with ThreadPoolExecutor(2) as pool:
            encodings = list(pool.map(lambda length: sinusoids(0, length, 16), (42, 58)))
        os.write(writing, hashlib.sha256(torch.cat(encodings).numpy().tobytes()).digest())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        digest = pipe.read()
    os.waitpid(pid, 0)
    return digest


def test_two_threads_may_use_vector_mathematics_first(record_property: Callable[[str, object], None]) -> None:
    """Without the call in `configure_library`, about one process in 2,000 has other digits on a machine with MKL."""
    digests = Counter(digest_of_a_new_process() for _ in range(PROCESSES))
    assert digests.total() == PROCESSES
    assert len(digests) == 1, digests
    record_property("processes whose threads used vector mathematics first", PROCESSES)
