"""What every test runs under."""

import signal
from collections.abc import Iterator

import pytest
import torch


def pytest_configure() -> None:
    """Answer what `nohup` and a shell's `&` have their commands ignore: the commands under test inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors this small only wait for a second thread, for seconds where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
