"""Work on several threads equals work on one."""

import pytest
import torch

from translator.ops.choice import Ops
from translator.ops.threads import Workers, threaded_map


def test_results_come_in_order() -> None:
    assert list(Workers().map(lambda number: number * number, range(20))) == [n * n for n in range(20)]


def test_each_worker_uses_one_thread_and_the_caller_keeps_its_number() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        workers = Workers()
        assert workers.size == 2
        list(workers.map(lambda _: None, range(4)))  # start the threads before torch reads its number there
        assert set(workers.map(lambda _: torch.get_num_threads(), range(4))) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_in_a_worker_reaches_the_caller() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError):
        list(Workers().map(fail, range(9)))


def test_each_item_has_its_own_dropout_masks_that_depend_on_the_seed_only() -> None:
    ops, workers = Ops(fast=True), Workers()

    def draws() -> list[torch.Tensor]:
        torch.manual_seed(3)
        return list(workers.map_seeded(lambda _: ops.dropout(torch.ones(1000), 0.5, training=True), range(6)))

    first, second = draws(), draws()
    assert all(torch.equal(*masks) for masks in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_a_threaded_map_keeps_the_order(num_threads: int) -> None:
    assert list(threaded_map(str, range(9), num_threads)) == [*"012345678"]
    assert list(threaded_map(str, [], num_threads)) == []


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_a_threaded_map_takes_no_more_items_than_it_has_threads_for(num_threads: int) -> None:
    remaining = iter(range(9))
    next(threaded_map(str, remaining, num_threads))
    assert next(remaining) == num_threads + 1


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_a_threaded_map_raises_errors_of_items_and_of_the_function(num_threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(threaded_map(str, (1 // (3 - n) for n in range(5)), num_threads))
    results = threaded_map(lambda n: 1 // (3 - n), range(5), num_threads)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
