"""Wait for torch.compile, which may take minutes on a GPU: report the wait, and answer signals meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from translator.jobs.train.signals import StopRequest
from translator.jobs.train.watchdog import IDLE_SECONDS, grace
from translator.training.loop import Outcome
from translator.training.objective import Objective

_NOTICE_SECONDS = 10.0


def compile_first(
    outcomes: Iterator[Outcome], objective: Objective, request: StopRequest, notify: Callable[[str], None]
) -> Iterator[Outcome]:
    """Yield the outcomes of all updates; while the first one compiles, report the wait and answer signals at once.

    A compiled objective compiles when it is first called. Nothing has to be saved before the first update is done.
    """
    if objective.compiles:
        with _reported_wait(notify), grace(IDLE_SECONDS), request.immediate():
            outcome = next(outcomes, None)
        if outcome is not None:
            yield outcome
    yield from outcomes


@contextmanager
def _reported_wait(notify: Callable[[str], None]) -> Iterator[None]:
    """Notify every `_NOTICE_SECONDS` how long the block has been running."""
    began, is_done = time.monotonic(), threading.Event()

    def report() -> None:
        while not is_done.wait(_NOTICE_SECONDS):
            notify(f"compiling for {time.monotonic() - began:.0f} s ...")

    threading.Thread(target=report, daemon=True).start()
    try:
        yield
    finally:
        is_done.set()
