"""A signal that asks training to stop: in an update it is answered after it, so that the state can be saved; else at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from translator.errors import TranslatorError
from translator.jobs.train.watchdog import STOP_SIGNALS, note_answering


class Stop(BaseException):
    """Leave whatever is going on: nothing of it needs to be saved. No error, so nothing takes it for one."""

    def __init__(self, number: int) -> None:
        self.number, self.exit_code = number, 128 + number


class Stopped(TranslatorError):
    """Training stopped because a signal asked; everything is saved."""

    def __init__(self, number: int, step: int, folder: str) -> None:
        name = signal.Signals(number).name
        where, kept = (f"step {step}", f", state saved in {folder}") if step else ("before the first update", "")
        super().__init__(where, f"stopped by {name}{kept}", "the same command goes on")
        self.exit_code = 128 + number


class StopRequest:
    """The number of the first signal that asked, once one has; later ones change nothing."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.waits = False

    def answer(self, number: int, _frame: FrameType | None) -> None:
        """Remember it, and leave if nothing has to be finished first."""
        if self.number is None:
            self.number = number
            note_answering()
            self.leave_if_asked()

    def leave_if_asked(self) -> None:
        """Raise Stop once a signal has asked, unless something has to be finished first."""
        if self.number is not None and not self.waits:
            raise Stop(self.number)

    @contextmanager
    def answered_later(self, later: bool = True) -> Iterator[None]:
        """While the block runs a signal is only remembered; with `later=False`, the other way round."""
        before, self.waits = self.waits, later
        try:
            self.leave_if_asked()
            yield
        finally:
            self.waits = before
        self.leave_if_asked()


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch the signals while the block runs, where it runs in the main thread."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    with caught(request.answer):
        yield request


@contextmanager
def caught(answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let `answer` have the signals while the block runs; one that was ignored before (nohup) stays ignored."""
    numbers = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, answer) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
