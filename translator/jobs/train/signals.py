"""Signals that ask training to stop: answered at once if nothing has to be saved, otherwise after the current update."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from translator.errors import TranslatorError
from translator.jobs.train.watchdog import STOP_SIGNALS, note_answering


class Stop(BaseException):
    """Unwind the stack because a signal asked to. Subclasses BaseException so that `except Exception` does not catch it."""

    def __init__(self, number: int) -> None:
        # Shells report a process that a signal ended by 128 + its number.
        self.number, self.exit_code = number, 128 + number


class Stopped(TranslatorError):
    """Training was stopped by a signal, and everything that it had reached is saved."""

    def __init__(self, number: int, step: int, folder: str) -> None:
        name = signal.Signals(number).name
        if step:
            problem, advice = f"stopped by {name}, state saved in {folder}", "the same command resumes training"
            super().__init__(f"step {step}", problem, advice)
        else:
            super().__init__("before the first update", f"stopped by {name}", "run the same command again")
        self.exit_code = 128 + number


class StopRequest:
    """The first signal that asked training to stop; later signals change nothing."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._is_deferred = False

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Remember the signal, and raise Stop unless stopping is deferred. This is the signal handler."""
        if self.number is None:
            self.number = number
            note_answering()
            self.raise_if_due()

    def raise_if_due(self) -> None:
        """Raise Stop if a signal has arrived and stopping is not deferred."""
        if self.number is not None and not self._is_deferred:
            raise Stop(self.number)

    def deferred(self) -> AbstractContextManager[None]:
        """While the block runs, only remember a signal; raise Stop at its end if one has arrived."""
        return self._answering(is_deferred=True)

    def immediate(self) -> AbstractContextManager[None]:
        """While the block runs, raise Stop as soon as a signal arrives, even inside a `deferred` block."""
        return self._answering(is_deferred=False)

    @contextmanager
    def _answering(self, *, is_deferred: bool) -> Iterator[None]:
        before, self._is_deferred = self._is_deferred, is_deferred
        try:
            self.raise_if_due()
            yield
        finally:
            self._is_deferred = before
        self.raise_if_due()


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Receive the stop signals while the block runs."""
    request = StopRequest()
    with handle_signals(request.receive):
        yield request


@contextmanager
def handle_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `handler` for each stop signal while the block runs, if it runs in the main thread: no other receives signals.

    A signal that was ignored (nohup) stays ignored.
    """
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [number for number in STOP_SIGNALS if is_main and signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
