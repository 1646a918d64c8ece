"""Independent pieces of work side by side, each on one thread: small products gain little from sharing one.

Two threads on one small product wait for each other most of the time, and on a machine that others use too they wait for
ever. Two on two batches do not.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """As many workers on the CPU as torch had threads when they were made."""

    def __init__(self) -> None:
        self.size = torch.get_num_threads()
        self.pool = ThreadPoolExecutor(self.size, initializer=keep_one_thread)

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """work(item) of each, in order. Each has one thread, so their number changes no result."""
        threads = torch.get_num_threads()
        try:
            yield from self.pool.map(work, items)
        finally:
            torch.set_num_threads(threads)  # a part of it is the whole process's


def keep_one_thread() -> None:
    """Let torch work on one thread whenever this thread calls it.

    A thread takes over the whole process's number when torch first looks for it there, which must not come later.
    """
    torch.get_num_threads()
    torch.set_num_threads(1)
