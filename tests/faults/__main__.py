"""`make faults`: runs the tests of the fault catalogue and prints one line per row: passed, FAILED, void or MISSING.

A row's tests have its identifier in their names (`test_f04_...`). A row is void if all its tests were skipped, and missing
if it has none. Further arguments go to pytest. The exit code is 1 if a row failed or is missing.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


class Rows:
    """A pytest plugin that collects (outcome, reason) of each test under the row identifiers in its name."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the outcome of a test; called after setup, call and teardown."""
        if report.when != "call" and report.passed:
            return
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        name = report.nodeid.split("::")[-1].split("[")[0]
        for row in re.findall(r"_([a-s]\d\d)(?=_)", name):
            self.outcomes[row.upper()].append((report.outcome, reason.removeprefix("Skipped: ").removeprefix("void: ")))

    def state(self, row: str) -> tuple[str, str]:
        """Return (state of the row, remark)."""
        outcomes = self.outcomes[row]
        if any(outcome == "failed" for outcome, _ in outcomes):
            return "FAILED", f"{sum(outcome == 'failed' for outcome, _ in outcomes)} of {len(outcomes)} tests"
        if passed := sum(outcome == "passed" for outcome, _ in outcomes):
            return "passed", f"{passed} tests" if passed > 1 else ""
        return ("void", outcomes[0][1]) if outcomes else ("MISSING", "")


def main() -> int:
    """Run the tests, print the table and return the exit code."""
    rows = Rows()
    pytest.main(
        [str(FOLDER), "--numprocesses", "2", "--dist", "worksteal", "--no-header", "--tb=short", *sys.argv[1:]],
        plugins=[rows],
    )
    lines = (FOLDER / "catalogue.txt").read_text(encoding="utf-8").splitlines()
    titles = dict(line.split(" ", 1) for line in lines)
    states = {row: rows.state(row) for row in titles}
    for row, (state, remark) in states.items():
        print(f"{row}  {state:8} {titles[row]}" + (f" ({remark})" if remark else ""))  # noqa: T201
    counts = {
        name: sum(state == name for state, _ in states.values()) for name in ("passed", "FAILED", "void", "MISSING")
    }
    print(", ".join(f"{count} {name.lower()}" for name, count in counts.items()))  # noqa: T201
    return int(bool(counts["FAILED"] or counts["MISSING"]))


if __name__ == "__main__":
    sys.exit(main())
