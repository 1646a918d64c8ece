"""Entry point of `translator` and `python -m translator`."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType


def main() -> int:
    """Run the command line and return the exit code."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit_on_signal)
    _leave_deleted_folder()
    try:
        from translator.cli.app import run

        return run()
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        # NumPy wraps the reason in a page of advice.
        reason = next((line for line in reversed(str(error.__cause__ or error).splitlines()) if line.strip()), "")
        is_unmapped = "failed to map segment" in reason  # the file is there, but there is no memory to map it into
        advice = "free memory, or raise the limit shown by `ulimit -v`" if is_unmapped else "reinstall it"
        problem = "a library cannot be loaded" if is_unmapped else "the installation is incomplete"
        sys.stderr.write(f"error: translator: {problem} ({reason}); {advice}\n")
        return 5


def _leave_deleted_folder() -> None:
    """Move to a folder that exists if the working directory does not; without one, libraries such as oneMKL fail to load.

    No relative path may name anything there or be written there, which holds for /proc even if root runs the program.
    """
    try:
        Path.cwd()
    except OSError:
        sys.stderr.write("warning: the working directory has been deleted, so only absolute paths work\n")
        os.chdir("/proc" if Path("/proc").is_dir() else "/")


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    """Exit through every `finally`, so that temporary files are removed."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
