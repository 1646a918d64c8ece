"""Entry point of `translator` and `python -m translator`."""

import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command line and return the exit code."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit_on_signal)
    try:
        from translator.cli.app import run

        return run()
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        is_unmapped = "failed to map segment" in str(error)  # the file is there, but there is no memory to map it into
        advice = "free memory, or raise the limit shown by `ulimit -v`" if is_unmapped else "reinstall it"
        problem = "a library cannot be loaded" if is_unmapped else "the installation is incomplete"
        sys.stderr.write(f"error: translator: {problem} ({error}); {advice}\n")
        return 5


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    """Exit through every `finally`, so that temporary files are removed."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
