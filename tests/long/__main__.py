"""`make test-long`: runs the long tests and prints one line with what they tried. Further arguments go to pytest."""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.long.conftest import SEED

FOLDER = Path(__file__).parent


class Totals:
    """A pytest plugin that adds up the counts that passing tests record as properties."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the failures, and the properties of a test that passed."""
        self.failed += report.failed
        if report.when == "call" and report.passed:
            for name, count in report.user_properties:
                self.counts[name] += int(str(count))


def main() -> int:
    """Run the tests, print the line that tests/README.md quotes and return pytest's exit code."""
    totals, start = Totals(), time.monotonic()
    os.environ.setdefault("LONGEST_SECONDS", "600")  # per command; the machine may be busy with other work
    options = ["--numprocesses", "2", "--dist", "worksteal", "--no-header", "--tb=short", *sys.argv[1:]]
    code = pytest.main([str(FOLDER), *options], plugins=[totals])
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(totals.counts.items()))
    day, minutes = time.strftime("%Y-%m-%d", time.gmtime()), (time.monotonic() - start) / 60
    print(f"{counts}: {totals.failed} failed (seed {SEED}, {day}, {minutes:.0f} minutes)")  # noqa: T201
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
