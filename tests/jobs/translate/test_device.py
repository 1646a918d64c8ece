"""Devices are checked before they are used."""

import pytest
import torch

from translator.errors import MachineError, UsageError
from translator.jobs.translate.device import choose_device, environment_of
from translator.ops.choice import Ops


def test_a_device_must_exist() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="--device: found 'tpu', expected cpu, cuda, cuda:N or auto"):
        choose_device("tpu")
    with pytest.raises(MachineError, match="--device: CUDA requested but not available"):
        choose_device("cuda:99")


def test_the_environment_is_text() -> None:
    environment = environment_of(torch.device("cpu"), Ops(), 2)
    assert environment["device"] == "cpu"
    assert environment["processes"] == "2"
    assert environment["products"] == "float32"


@pytest.mark.parametrize(("name", "meant"), [("gpu", "cuda"), ("GPU", "cuda"), ("gpu:1", "cuda:1"), ("CUDA", "cuda")])
def test_a_device_by_another_name_is_answered_with_its_own(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"--device: found '{name}', expected .*; did you mean {meant}\?"):
        choose_device(name)
