"""`translator` and `python -m translator`: run the command line, whatever becomes of it."""

import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command line; returns the exit code. A signal that ends it lets temporary files be removed first."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)
    try:
        from translator.cli.app import run

        return run()
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        sys.stderr.write(f"error: translator: not installed completely ({error}); install it again\n")
        return 5


def leave(number: int, _frame: FrameType | None) -> None:
    """End as the signal asks, through every `finally`."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
