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
        sys.stderr.write(f"error: translator: the installation is incomplete ({error}); reinstall it\n")
        return 5


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    """Exit through every `finally`, so that temporary files are removed."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
