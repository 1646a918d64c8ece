"""Parameter files are compared with the config before anything large is read or allocated."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.runs.example import CONFIGS, finish_run, write_run
from tests.runs.test_folder import sealed
from translator.config import load_config
from translator.errors import ModelError, UsageError
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.model import build_model, check_model, check_parameters, count_parameters, sketch_model
from translator.storage.manifest import MANIFEST, write_manifest
from translator.training.checkpoint import MODEL, layout_of

VOCABULARIES = Vocabularies(50, 50, is_joint=True)


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.toml")))
def test_a_sketch_has_the_parameters_of_the_model(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.toml")
    sketch, model = sketch_model(config, VOCABULARIES), build_model(config, VOCABULARIES, ops=Ops())
    assert layout_of(dict(sketch.named_parameters())) == layout_of(dict(model.named_parameters()))
    assert {parameter.device.type for parameter in sketch.parameters()} == {"meta"}


def test_a_sketch_does_not_import_the_compiler() -> None:
    program = (
        "import sys; from pathlib import Path; from tests.runs.test_model import *; "
        "sketch_model(load_config(CONFIGS / 'demo-performer.toml'), VOCABULARIES); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.float16, torch.bool])
def test_parameters_of_another_type_are_refused(dtype: torch.dtype, tmp_path: Path) -> None:
    sealed(write_run(tmp_path / "run"))
    run = finish_run(tmp_path / "run")
    run.require_finished()
    save_file({name: x.to(dtype) for name, x in load_file(run.final / MODEL).items()}, run.final / MODEL)
    (run.final / MANIFEST).unlink()
    write_manifest(run.final)
    with pytest.raises(ModelError, match=r"parameters of another model: \S+ is \(.*\) of \w+, expected \(.*\);"):
        run.require_finished()


def test_a_config_without_a_valid_model_is_named(tmp_path: Path) -> None:
    config = load_config(CONFIGS / "demo.toml", ["model.dim=200000", "model.feed_forward_dim=200000"])
    with pytest.raises(ModelError, match=r"the config does not describe a valid model \(\[model\]: would have "):
        check_parameters(tmp_path / MODEL, config, VOCABULARIES)


@pytest.mark.parametrize("name", ["demo", "demo-additive"])
def test_the_check_counts_the_parameters_of_the_model(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.toml")
    size = config.tokenizer.vocab_size
    model = build_model(config, Vocabularies(size, size, True), ops=Ops())
    assert check_model(config) == count_parameters(model) == sum(p.numel() for p in set(model.parameters()))


def test_a_model_that_is_too_large_is_rejected_without_allocating_it() -> None:
    with pytest.raises(UsageError, match=r"\[model\]: would have [\d,]+ parameters, expected at most 2,000,000,000"):
        check_model(load_config(CONFIGS / "demo.toml", ["model.dim=20000", "model.feed_forward_dim=20000"]))
