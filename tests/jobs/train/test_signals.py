"""When a signal is answered: at once, or at the end of a block in which stopping is deferred."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable

import pytest

from translator.jobs.train.signals import STOP_SIGNALS, Stop, Stopped, StopRequest, handle_signals, stop_requests


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def stopped_by(block: Callable[[StopRequest], object]) -> int | None:
    """Run the block while signals are received; the number of the Stop that leaves it, or None."""
    try:
        with stop_requests() as request:
            block(request)
    except Stop as stop:
        return stop.number
    return None


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_ends_the_block_at_once(number: signal.Signals) -> None:
    def block(_request: StopRequest) -> None:
        send(number)
        pytest.fail("the block went on")

    assert stopped_by(block) == number
    assert stopped_by(lambda _request: None) is None
    assert Stop(number).exit_code == 128 + number


def test_a_deferred_signal_is_answered_at_the_end() -> None:
    done: list[str] = []

    def block(request: StopRequest) -> None:
        with request.deferred():
            send()
            done.append("to the end")
        pytest.fail("the block went on")

    assert stopped_by(block) == signal.SIGTERM
    assert done == ["to the end"]


def test_an_immediate_block_inside_a_deferred_one_ends_at_once() -> None:
    saved: list[str] = []

    def block(request: StopRequest) -> None:
        with request.deferred():
            try:
                with request.immediate():
                    send()
                    pytest.fail("the block went on")
            except Stop:
                saved.append("state")
                raise

    assert stopped_by(block) == signal.SIGTERM
    assert saved == ["state"]


def test_an_immediate_block_is_not_entered_after_a_signal() -> None:
    def block(request: StopRequest) -> None:
        with request.deferred():
            send()
            with request.immediate():
                pytest.fail("the block was entered")

    assert stopped_by(block) == signal.SIGTERM


def test_only_the_first_signal_counts() -> None:
    def block(request: StopRequest) -> None:
        with request.deferred():
            for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1):
                send(number)

    assert stopped_by(block) == signal.SIGUSR1


def test_except_exception_does_not_catch_a_stop() -> None:
    def block(_request: StopRequest) -> None:
        with contextlib.suppress(Exception):
            send()

    assert stopped_by(block) == signal.SIGTERM


def test_the_handlers_before_are_restored() -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with stop_requests():
        assert signal.getsignal(signal.SIGTERM) is not before[STOP_SIGNALS.index(signal.SIGTERM)]
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        received: list[int] = []
        with handle_signals(lambda number, _frame: received.append(number)):
            send(signal.SIGHUP)
            send(signal.SIGUSR1)
        assert received == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_thread_receives_no_signals() -> None:
    numbers: list[int | None] = []

    def work() -> None:
        with stop_requests() as request:
            numbers.append(request.number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert numbers == [None]


def test_the_message_says_what_is_saved() -> None:
    saved = Stopped(signal.SIGINT, 40, "runs/demo")
    assert str(saved) == "step 40: stopped by SIGINT, state saved in runs/demo; the same command resumes training"
    assert saved.exit_code == 130
    early = Stopped(signal.SIGTERM, 0, "runs/demo")
    assert str(early) == "before the first update: stopped by SIGTERM; run the same command again"
