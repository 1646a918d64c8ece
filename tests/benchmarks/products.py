"""A lower bound for the time of an update: its matrix products alone, repeated with the same shapes and types."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from translator.ops.threads import Item, Result, Workers

aten = torch.ops.aten
PRODUCTS = {aten.mm.default: 0, aten.bmm.default: 0, aten.addmm.default: 1, aten.baddbmm.default: 1}
"""Matrix products, with the index of the first factor among the arguments."""
FUSED = {
    aten._scaled_dot_product_flash_attention_for_cpu.default: (0, "TK KS, TS SK"),
    aten._scaled_dot_product_flash_attention_for_cpu_backward.default: (1, "TK KS, TK KS, ST TK, TS SK, ST TK"),
}
"""Fused attention: the index of the query among the arguments, and the axes of the factors of the products inside."""
REPEATS = 5


class Factor(NamedTuple):
    """Shape and layout of a matrix or a batch of matrices."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def random(self) -> Tensor:
        """Return random numbers with this layout."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype).normal_()


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the matrix products that are computed, by the shapes of their factors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: Counter[tuple[Factor, Factor]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in PRODUCTS:
            self._record(*args[PRODUCTS[func] :][:2])
        elif func in FUSED:
            first, pairs = FUSED[func]
            query, key = (x.flatten(0, 1) for x in args[first : first + 2])
            size = {"T": query.shape[1], "S": key.shape[1], "K": key.shape[2]}
            for pair in pairs.split(", "):
                self._record(*(query.new_empty(len(query), *(size[axis] for axis in axes)) for axes in pair.split()))
        return func(*args, **(kwargs or {}))

    def _record(self, left: Tensor, right: Tensor) -> None:
        left_factor, right_factor = (Factor(tuple(x.shape), tuple(x.stride()), x.dtype) for x in (left, right))
        self.products[left_factor, right_factor] += 1


class Sequential(Workers):
    """Does the work of several workers in the caller's thread, because a recorder only sees its own thread."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        return map(work, items)


def products_of(step: Callable[[], object]) -> Counter[tuple[Factor, Factor]]:
    """Return the products that `step` computes in this thread, with their counts."""
    recorder = Recorder()
    with recorder:
        step()
    return recorder.products


def seconds_of_products(products: Counter[tuple[Factor, Factor]], workers: Workers) -> float:
    """Return the time that the products take if all workers compute them in parallel."""
    return sum(workers.map(lambda item: item[1] * _median_seconds(*item[0]), products.items())) / workers.size


def _median_seconds(left: Factor, right: Factor) -> float:
    """Return the median time of one product, after a warm-up."""
    first, second = left.random(), right.random()
    multiply = torch.mm if len(left.shape) == 2 else torch.bmm
    multiply(first, second)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        multiply(first, second)
        times.append(time.perf_counter() - began)
    return sorted(times)[REPEATS // 2]
