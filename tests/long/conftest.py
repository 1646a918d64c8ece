"""Tests that take long; `make test-long` runs them. They stand on the fixtures of `tests/faults`."""

from tests.faults.conftest import commands, corpus, finished, trainings, work

__all__ = ["commands", "corpus", "finished", "trainings", "work"]
