"""The tiny run of the tests of comparisons."""

from tests.jobs.compare.conftest import pair, trained

__all__ = ["pair", "trained"]
