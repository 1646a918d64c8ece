"""Wait for torch.compile, which may take minutes on a GPU: report the wait, and answer signals meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator

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
        began, is_done = time.monotonic(), threading.Event()

        def report_wait() -> None:
            while not is_done.wait(_NOTICE_SECONDS):
                notify(f"compiling for {time.monotonic() - began:.0f} s ...")

        threading.Thread(target=report_wait, daemon=True).start()
        try:
            with grace(IDLE_SECONDS), request.immediate():
                outcome = next(outcomes, None)
        finally:
            is_done.set()
        if outcome is not None:
            yield outcome
    yield from outcomes
