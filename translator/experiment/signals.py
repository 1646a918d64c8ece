"""A signal that asks training to stop is answered after the update in hand, so that the state can be saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from translator.errors import TranslatorError

ASKING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if hasattr(signal, name)]


class Stopped(TranslatorError):
    """Training stopped because a signal asked; everything is saved."""

    def __init__(self, number: int, step: int, folder: str) -> None:
        super().__init__(f"step {step}", f"stopped by {signal.Signals(number).name}, state saved in {folder}")
        self.exit_code = 128 + number


class StopRequest:
    """The number of the signal that asked, once one has."""

    number: int | None = None

    def answer(self, number: int, _frame: FrameType | None) -> None:
        """Remember it."""
        self.number = number


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch the signals while the block runs; one that was ignored before (nohup) stays ignored."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    caught = [number for number in ASKING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, request.answer) for number in caught}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
