"""Work side by side is work one after the other."""

import pytest
import torch

from translator.ops.choice import Ops
from translator.ops.threads import Workers


def test_results_come_in_order() -> None:
    assert list(Workers().map(lambda number: number * number, range(20))) == [n * n for n in range(20)]


def test_each_has_one_thread_and_the_caller_keeps_its_own() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        workers = Workers()
        assert workers.size == 2
        list(workers.map(lambda _: None, range(4)))  # they are there, and torch has not yet looked
        assert set(workers.map(lambda _: torch.get_num_threads(), range(4))) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_is_the_callers() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError):
        list(Workers().map(fail, range(9)))


def test_parts_draw_for_themselves_and_alike_from_one_seed() -> None:
    ops = Ops(fast=True, workers=Workers())

    def draws() -> list[torch.Tensor]:
        torch.manual_seed(3)
        return list(ops.each(lambda _: ops.dropout(torch.ones(1000), 0.5, training=True), range(6)))

    first, second = draws(), draws()
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])
