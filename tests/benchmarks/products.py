"""The floor of a step: the matrix products that it makes, replayed alone with the same shapes and types."""

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
"""Each operation with the place of its first factor among the arguments."""
FUSED = {
    aten._scaled_dot_product_flash_attention_for_cpu.default: (0, "TK KS, TS SK"),
    aten._scaled_dot_product_flash_attention_for_cpu_backward.default: (1, "TK KS, TK KS, ST TK, TS SK, ST TK"),
}
"""Fused attention: the place of its query among the arguments, and the products in it by the axes of their factors."""
REPEATS = 5


class Factor(NamedTuple):
    """A matrix, or a batch of them, as a product met it."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def filled(self) -> Tensor:
        """Random numbers laid out like that."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype).normal_()


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every product of two matrices by its factors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: Counter[tuple[Factor, Factor]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in PRODUCTS:
            self.note(*args[PRODUCTS[func] :][:2])
        elif func in FUSED:
            first, pairs = FUSED[func]
            query, key = (x.flatten(0, 1) for x in args[first : first + 2])
            size = {"T": query.shape[1], "S": key.shape[1], "K": key.shape[2]}
            for pair in pairs.split(", "):
                self.note(*(query.new_empty(len(query), *(size[axis] for axis in axes)) for axes in pair.split()))
        return func(*args, **(kwargs or {}))

    def note(self, one: Tensor, other: Tensor) -> None:
        """One product more."""
        one_factor, other_factor = (Factor(tuple(x.shape), tuple(x.stride()), x.dtype) for x in (one, other))
        self.products[one_factor, other_factor] += 1


class InTurn(Workers):
    """The work of as many workers, in the caller's thread, which alone a recorder sees."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """work(item) of each."""
        return map(work, items)


def products_of(step: Callable[[], object]) -> Counter[tuple[Factor, Factor]]:
    """Every product that a step makes in this thread, and how often."""
    recorder = Recorder()
    with recorder:
        step()
    return recorder.products


def seconds_of_products(products: Counter[tuple[Factor, Factor]], workers: Workers) -> float:
    """The summed time of the products alone, made by all workers side by side."""
    return sum(workers.map(lambda item: item[1] * seconds_of(*item[0]), products.items())) / workers.size


def seconds_of(one: Factor, other: Factor) -> float:
    """The median time of one product, after one to warm up."""
    first, second = one.filled(), other.filled()
    multiply = torch.mm if len(one.shape) == 2 else torch.bmm
    multiply(first, second)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        multiply(first, second)
        times.append(time.perf_counter() - began)
    return sorted(times)[REPEATS // 2]
