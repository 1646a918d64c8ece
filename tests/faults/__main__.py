"""`make faults`: runs the tests of the fault catalogue and prints a table, a line a row: passed, failed, void or missing.

A row's tests have its id in their names (`test_f04_...`); a row all of whose tests are skipped is void, with their reason.
Further arguments go to pytest. Exits 1 where a row failed or has no test.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


class Rows:
    """A pytest plugin that gathers (outcome, reason) of each test under the ids in its name."""

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test is over."""
        if report.when != "call" and report.passed:
            return
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        name = report.nodeid.split("::")[-1].split("[")[0]
        for row in re.findall(r"_([a-s]\d\d)(?=_)", name):
            self.found[row.upper()].append((report.outcome, reason.removeprefix("Skipped: ").removeprefix("void: ")))

    def state(self, row: str) -> tuple[str, str]:
        """(what became of a row, a remark)."""
        outcomes = self.found[row]
        if any(outcome == "failed" for outcome, _ in outcomes):
            return "FAILED", f"{sum(outcome == 'failed' for outcome, _ in outcomes)} of {len(outcomes)} tests"
        if passed := sum(outcome == "passed" for outcome, _ in outcomes):
            return "passed", f"{passed} tests" if passed > 1 else ""
        return ("void", outcomes[0][1]) if outcomes else ("MISSING", "")


def main() -> int:
    """Run, print, and say whether every row holds."""
    rows = Rows()
    pytest.main([str(FOLDER), "--numprocesses", "2", "--no-header", "--tb=short", *sys.argv[1:]], plugins=[rows])
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
