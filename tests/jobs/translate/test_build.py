"""Models are checked before memory is allocated, and devices before they are used."""

from pathlib import Path

import pytest
import torch

from translator.config import load_config
from translator.errors import MachineError, UsageError
from translator.jobs.translate.build import (
    check_model,
    choose_device,
    environment_of,
)
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.model import build_model, count_parameters

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.mark.parametrize("name", ["demo", "demo-additive"])
def test_the_check_counts_the_parameters_of_the_model(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.toml")
    size = config.tokenizer.vocab_size
    model = build_model(config, Vocabularies(size, size, True), ops=Ops())
    assert check_model(config) == count_parameters(model) == sum(p.numel() for p in set(model.parameters()))


def test_a_model_that_is_too_large_is_rejected_without_allocating_it() -> None:
    with pytest.raises(UsageError, match=r"\[model\]: would have [\d,]+ parameters, expected at most 2,000,000,000"):
        check_model(load_config(CONFIGS / "demo.toml", ["model.dim=20000", "model.feed_forward_dim=20000"]))


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
