"""Answer signals even while the trainer cannot: a light parent process waits for the process that trains.

Python runs a signal handler only between two of its own instructions, so an update that hangs in native code would never
notice Ctrl-C. `supervise` therefore forks before torch is imported. The child trains. The parent forwards signals and,
if the child has not answered one within its grace period, kills the child and names the step that training resumes from.

Both processes are in one process group, so that Ctrl-Z stops and `fg` continues both. SIGSTOP and SIGCONT cannot be
forwarded; send them to the group (`kill -STOP -PID`).
"""

import ctypes
import mmap
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from translator.errors import MachineError, TranslatorError

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if hasattr(signal, name)]
UPDATE_SECONDS = 20.0
"""Grace period while there is something to save: within an update, a validation or a save."""
IDLE_SECONDS = 1.0
"""Grace period otherwise: while importing, preparing, compiling or finishing."""
_PR_SET_PDEATHSIG = 1
_LOADER_EXIT_CODE = 127
"""Exit code of glibc if there is no memory for a thread's variables (`_dl_fatal_printf`); nothing can catch it."""


class _Shared(ctypes.Structure):
    """The state that the trainer reports to its watchdog, in memory that both processes share."""

    _fields_ = (
        ("grace_seconds", ctypes.c_double),
        ("grace_since", ctypes.c_double),  # time.monotonic(), which is one clock for all processes
        ("saved_step", ctypes.c_int64),  # -1: not known yet
        ("is_answering", ctypes.c_bool),
    )


_shared = _Shared(IDLE_SECONDS, 0.0, -1, False)  # private to this process until `supervise` replaces it


class Unanswered(TranslatorError):
    """The trainer did not answer a signal and was killed."""

    def __init__(self, number: int, seconds: float, saved_step: int) -> None:
        problem = f"did not answer {signal.Signals(number).name} within {seconds:g} s and was killed"
        super().__init__("training", problem, _resumption(saved_step))
        self.exit_code = 128 + number


def _resumption(saved_step: int) -> str:
    where = {-1: "resumes from the last checkpoint", 0: "starts from the beginning"}
    return f"the same command {where.get(saved_step, f'resumes from step {saved_step}')}"


@contextmanager
def grace(seconds: float) -> Iterator[None]:
    """Change the grace period while the block runs."""
    before = _shared.grace_seconds
    set_grace(seconds)
    try:
        yield
    finally:
        set_grace(before)


def set_grace(seconds: float) -> None:
    """Require that signals are answered within `seconds` of their arrival or of this call, whichever is later."""
    # The watchdog may read between the two lines, so the later deadline comes first.
    _shared.grace_since = time.monotonic()
    _shared.grace_seconds = seconds


def note_saved_step(step: int) -> None:
    """Record the step that the same command would resume from; 0 means from the beginning."""
    _shared.saved_step = step


def note_answering() -> bool:
    """Record that a signal is being answered; returns whether this is the first one."""
    is_first = not _shared.is_answering
    _shared.is_answering = True
    return is_first


def supervise(work: Callable[[], None]) -> None:
    """Run `work` in a child process and answer signals for it. Call this before torch is imported.

    The child returns once `work` is done, and continues after the call. The parent does not return: it raises SystemExit with
    the child's exit code, or Unanswered, or MachineError if native code aborted the child, or dies of the signal that killed
    the child. Outside the main thread, and where no process can be forked, `work` runs in this process.
    """
    if not hasattr(os, "fork") or threading.current_thread() is not threading.main_thread():
        work()
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent, arrivals = os.getpid(), _open_channels()
    numbers = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until both processes have their handlers
    try:
        child = os.fork()
    except OSError:
        child = 0

    def answer(number: int, _frame: FrameType | None) -> None:
        if child:
            with suppress(ProcessLookupError):
                os.kill(child, number)
        elif note_answering():  # a terminal's Ctrl-C comes twice: from the terminal and from the parent
            raise SystemExit(128 + number)

    for number in numbers:
        signal.signal(number, answer)
    if child == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if os.getpid() != parent:
            _die_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        work()
    else:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _exit_like(_wait(child, arrivals))


def _open_channels() -> int:
    """Share `_shared` with the child that is forked next, and return a pipe in which the numbers of all signals arrive.

    The interpreter's C handler writes them for parent and child, so a signal that was sent to the child alone is seen
    while native code runs.
    """
    global _shared
    _shared = _Shared.from_buffer(mmap.mmap(-1, ctypes.sizeof(_Shared)))
    _shared.saved_step = -1
    set_grace(IDLE_SECONDS)
    arrivals, write_end = os.pipe()
    for descriptor in (arrivals, write_end):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    # Any handler makes the end of the child arrive as well, and replaces SIG_IGN, which would discard its exit code.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return arrivals


def _die_with(parent: int) -> None:
    """Make the kernel, or a thread if the kernel cannot, kill this process when its parent ends."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    if sys.platform != "linux" or ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        threading.Thread(target=wait, daemon=True).start()
    elif os.getppid() != parent:  # the parent ended before the call
        os.kill(os.getpid(), signal.SIGKILL)


def _wait(child: int, arrivals: int) -> int:
    """Return the child's wait status. Raises Unanswered if a signal's grace period has passed."""
    number, asked_at = 0, 0.0
    while True:
        # select returns early for SIGCHLD as well: the parent's own signals are written into the pipe
        if select.select([arrivals], [], [], 0.05 if number else None)[0]:
            asking = [byte for byte in os.read(arrivals, 4096) if byte in STOP_SIGNALS]
            if asking and not number:
                number, asked_at = asking[0], time.monotonic()
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        seconds = _shared.grace_seconds
        if number and time.monotonic() > max(asked_at, _shared.grace_since) + seconds:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            if os.environ.get("RANK", "0") != "0":  # only the first of several processes prints
                raise SystemExit(128 + number)
            raise Unanswered(number, seconds, _shared.saved_step)


def _exit_like(status: int) -> None:
    """End this process as the child ended: with its exit code, or by the signal that killed it."""
    code = os.waitstatus_to_exitcode(status)
    if code in (_LOADER_EXIT_CODE, -signal.SIGABRT):
        problem = "a native library aborted the process, as happens when memory runs out while a thread starts"
        advice = "free memory, or raise the limit shown by `ulimit -v`"
        raise MachineError("training", problem, f"{advice}; {_resumption(_shared.saved_step)}")
    if -code in STOP_SIGNALS:  # Python has no handlers left while it exits, when Ctrl-C may come a second time
        raise SystemExit(128 - code)
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code if code >= 0 else 128 - code)  # the first process of a container survives its own signal
