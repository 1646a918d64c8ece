"""Which parameters a run keeps, and what finished.json records."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.runs.example import write_run
from tests.runs.test_folder import sealed
from tests.tiny import tiny
from translator.config import Config, load_config
from translator.jobs.train.final_parameters import (
    Ending,
    FinalParameters,
    choose_parameters,
    is_done,
    save_final_parameters,
)
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.folder import RunFolder
from translator.runs.model import build_model
from translator.training.checkpoint import Checkpoint
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkpoints(tmp_path: Path) -> list[Checkpoint]:
    """Checkpoints whose only parameter is their step, with BLEU 30, 50, none (saved in passing) and 40."""
    saved = []
    for step, bleu, in_passing in ((1, 30.0, False), (2, 50.0, False), (3, None, True), (4, 40.0, False)):
        folder = tmp_path / f"step-{step:08d}"
        folder.mkdir()
        save_file({"x": torch.tensor([float(step)])}, folder / "model.safetensors")
        saved.append(Checkpoint(folder, step, bleu, in_passing))
    return saved


def chosen(checkpoints: list[Checkpoint], score: float, **settings: object) -> tuple[str, float, float | None]:
    """The name, the one parameter and the BLEU of the choice if the average scores `score`."""

    def score_of(parameters: dict[str, Tensor]) -> float:
        return score

    final = choose_parameters(checkpoints, TrainingSettings.model_validate(settings), score_of, lambda _: None)
    return final.name, final.parameters["x"].item(), final.bleu


def test_the_average_is_taken_if_it_is_as_good_as_the_best(checkpoints: list[Checkpoint]) -> None:
    assert chosen(checkpoints, 50.0, average=2) == ("average of steps 2, 4", 3.0, 50.0)
    assert chosen(checkpoints, 49.9, average=2) == ("step 2", 2.0, 50.0)


def test_the_best_checkpoints_are_averaged_if_asked(checkpoints: list[Checkpoint]) -> None:
    assert chosen(checkpoints, 60.0, average=2, average_of="best") == ("average of steps 2, 4", 3.0, 60.0)
    assert chosen(checkpoints, 60.0, average=3, average_of="best")[0] == "average of steps 1, 2, 4"


def test_a_checkpoint_saved_in_passing_is_not_averaged(checkpoints: list[Checkpoint]) -> None:
    assert chosen(checkpoints, 60.0, average=3)[0] == "average of steps 1, 2, 4"


def test_the_moving_average_is_taken_if_it_is_as_good_as_all_others(checkpoints: list[Checkpoint]) -> None:
    save_file({"x": torch.tensor([7.0])}, checkpoints[-1].path / "average.safetensors")
    assert chosen(checkpoints, 50.0, average=1, ema=0.9) == ("moving average at step 4", 7.0, 50.0)
    assert chosen(checkpoints, 49.9, average=1, ema=0.9) == ("step 2", 2.0, 50.0)


def test_without_scores_the_newest_checkpoint_is_kept(checkpoints: list[Checkpoint]) -> None:
    unscored = [checkpoint._replace(bleu=None) for checkpoint in checkpoints]
    assert chosen(unscored, 0.0, average=1) == ("step 4", 4.0, None)


@pytest.fixture
def config() -> Config:
    return load_config(ROOT / "configs/demo.toml")


def test_parameters_and_record_are_saved_together(tmp_path: Path, config: Config) -> None:
    model, held = tiny("transformer"), np.ones(2**25)
    parameters = {name: torch.full_like(tensor, 0.5) for name, tensor in model.named_parameters()}
    final, run = FinalParameters("step 7", parameters, 12.5), RunFolder(tmp_path)
    save_final_parameters(
        run, config, model, final, Ending(Progress(step=7), "all steps done", "train", {"device": "cpu"})
    )
    saved = load_file(tmp_path / "final/model.safetensors")
    assert saved.keys() == parameters.keys()
    assert all((tensor == 0.5).all() for tensor in [*saved.values(), *model.parameters()])
    record = json.loads((tmp_path / "final/finished.json").read_bytes())
    expected = {"step": 7, "reason": "all steps done", "made_by": "train", "final": "step 7", "validation_bleu": 12.5}
    assert record.items() >= expected.items()
    assert record["environment"] == {"device": "cpu"}
    assert held.nbytes < record["peak_memory_bytes"] < 2**40  # all that the process has held
    assert record["peak_device_memory_bytes"] is None


def test_a_run_is_done_until_more_steps_are_asked_for_or_its_parameters_are_damaged(
    tmp_path: Path, config: Config
) -> None:
    run = sealed(write_run(tmp_path / "run", config))
    model = build_model(config, Vocabularies(8, 8, is_joint=True), ops=Ops())
    assert not is_done(run, config)
    final = FinalParameters("step 7", dict(model.named_parameters()), None)
    save_final_parameters(run, config, model, final, Ending(Progress(step=7), "", "train", {}))
    assert is_done(run, config)  # ended early, for lack of patience
    more = config.model_copy(update={"training": config.training.model_copy(update={"steps": 9000})})
    fewer = config.model_copy(update={"training": config.training.model_copy(update={"steps": 7})})
    assert not is_done(run, more)
    assert is_done(run, fewer)
    (run.final / "model.safetensors").write_bytes(b"")
    assert not is_done(run, config)
