"""Threads for independent work: `Workers` computes batches with torch, `threaded_map` does anything else."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from translator.ops.dropout import draw_from

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """A pool of as many threads as torch used on the CPU when the pool was created, each with one torch thread.

    Two threads that share a small matrix product mostly wait for each other, on a busy machine for a long time. Two threads
    with a batch each do not.
    """

    def __init__(self) -> None:
        self.size = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self.size, initializer=_use_one_thread)

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield work(item) for each item, in order. Each call uses one thread, so their number changes no result."""
        num_threads = torch.get_num_threads()
        try:
            yield from self._pool.map(work, items)
        finally:
            torch.set_num_threads(num_threads)  # part of this setting belongs to the process, not to the thread

    def map_seeded(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do the same with a generator for each item, from which its dropout masks are drawn.

        All seeds follow from one draw of the default generator, for any number of items.
        """
        first_seed = int(torch.randint(2**62, ()))

        def work_seeded(numbered_item: tuple[int, Item]) -> Result:
            number, item = numbered_item
            with draw_from(torch.Generator().manual_seed(first_seed + number)):
                return work(item)

        return self.map(work_seeded, enumerate(items))


def _use_one_thread() -> None:
    # A thread takes over the number of the process when torch first reads it there. Read it before setting it, since
    # otherwise that would happen later and undo the setting.
    torch.get_num_threads()
    torch.set_num_threads(1)


def threaded_map(function: Callable[[Item], Result], items: Iterable[Item], num_threads: int) -> Iterator[Result]:
    """Yield function(item) in order, computed by threads. Items are taken and results yielded in the caller's thread."""
    with ThreadPoolExecutor(num_threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            # One more than there are threads, so that none waits for the caller.
            if len(waiting) > num_threads:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)
