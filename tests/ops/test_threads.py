"""Work side by side is work one after the other."""

import pytest
import torch

from translator.ops.threads import side_by_side

CPU = torch.device("cpu")


@pytest.mark.parametrize("device", [CPU, torch.device("meta")])
def test_results_come_in_order(device: torch.device) -> None:
    assert list(side_by_side(lambda number: number * number, range(20), device)) == [n * n for n in range(20)]


def test_each_has_one_thread_and_the_caller_keeps_its_own() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert set(side_by_side(lambda _: torch.get_num_threads(), range(4), CPU)) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_is_the_callers() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError):
        list(side_by_side(fail, range(9), CPU))
