"""`make test-long`: runs the long tests and sums up in one line how much they tried. Further arguments go to pytest."""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.long.conftest import SEED

FOLDER = Path(__file__).parent


class Tried:
    """A pytest plugin that adds up what the tests record of themselves, where they passed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test is over."""
        self.failed += report.failed
        if report.when == "call" and report.passed:
            for what, count in report.user_properties:
                self.counts[what] += int(str(count))


def main() -> int:
    """Run, and print the line that the README quotes."""
    tried, began = Tried(), time.monotonic()
    os.environ.setdefault("LONGEST_SECONDS", "600")  # a command; who tries for long does other things beside it
    words = ["--numprocesses", "2", "--dist", "worksteal", "--no-header", "--tb=short", *sys.argv[1:]]
    code = pytest.main([str(FOLDER), *words], plugins=[tried])
    what = ", ".join(f"{count:,} {name}" for name, count in sorted(tried.counts.items()))
    day, minutes = time.strftime("%Y-%m-%d", time.gmtime()), (time.monotonic() - began) / 60
    print(f"{what}: {tried.failed} failed (seed {SEED}, {day}, {minutes:.0f} minutes)")  # noqa: T201
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
