"""Tests that take long; `make test-long` runs them. They use the fixtures of `tests/faults`."""

from tests.faults.conftest import commands, corpus, finished, no_process_is_left, runs, work

__all__ = ["commands", "corpus", "finished", "no_process_is_left", "runs", "work"]

SEED = 20261124
"""Of all kills and mutants; strings are always the same."""
