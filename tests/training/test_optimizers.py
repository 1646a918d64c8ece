"""Every optimizer resumes exactly, and so does the moving average of the parameters."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.test_loop import SETTINGS, begin, corpus_updates, numbers, run
from translator.training.checkpoint import CheckpointRecord, restore_checkpoint, save_checkpoint
from translator.training.objective import Objective
from translator.training.optimizers import OPTIMIZERS, MovingAverage, Together, forget
from translator.training.progress import Progress


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_and_the_moving_average_resume_exactly(name: str, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"optimizer": name, "weight_decay": 0.1})

    def begin_with_average(seed: int) -> tuple[Objective, torch.optim.Optimizer, MovingAverage]:
        objective, optimizer = begin("transformer", seed=seed, settings=settings)
        return objective, optimizer, MovingAverage(objective.model, 0.9)

    results = []
    for stop in (None, 3):
        objective, optimizer, average = begin_with_average(1)
        progress = Progress()
        if stop is not None:
            run(objective, optimizer, stop, progress, corpus_updates(), average)
            record = CheckpointRecord(progress, None, False, {})
            checkpoint = save_checkpoint(tmp_path, objective.model, optimizer, record, average=average)
            objective, optimizer, average = begin_with_average(2)
            progress = restore_checkpoint(checkpoint, objective.model, optimizer, average=average).progress
        run(objective, optimizer, 9, progress, corpus_updates(), average)
        results.append((numbers(objective.model), [tensor.tolist() for tensor in average.tensors.values()]))
    assert results[0] == results[1]


def test_no_optimizer_imports_the_compiler_of_torch() -> None:
    program = (
        "import sys; from tests.training.test_optimizers import *\n"
        "for name in OPTIMIZERS:\n"
        "    objective, optimizer = begin('transformer', settings=SETTINGS.model_copy(update={'optimizer': name}))\n"
        "    run(objective, optimizer, 2, Progress(), corpus_updates())\n"
        "    optimizer.load_state_dict(optimizer.state_dict())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_that_forgets_is_a_new_one(name: str) -> None:
    results = []
    for num_updates in (0, 3):
        objective, optimizer = begin("transformer", settings=SETTINGS.model_copy(update={"optimizer": name}))
        initial = {key: value.clone() for key, value in objective.model.state_dict().items()}
        run(objective, optimizer, num_updates, Progress(), corpus_updates())
        forget(optimizer)
        objective.model.load_state_dict(initial)
        torch.manual_seed(5)
        run(objective, optimizer, 2, Progress(), corpus_updates())
        results.append(numbers(objective.model))
    assert results[0] == results[1]


def test_muon_updates_the_matrices_inside_the_model() -> None:
    objective, optimizer = begin("transformer", settings=SETTINGS.model_copy(update={"optimizer": "muon"}))
    assert isinstance(optimizer, Together)
    matrices, others = (
        [id(tensor) for group in part.param_groups for tensor in group["params"]] for part in optimizer.parts
    )
    for name, parameter in objective.model.named_parameters():
        is_inside = parameter.ndim == 2 and not name.startswith("embeddings")
        assert id(parameter) in (matrices if is_inside else others)
    assert len(matrices) + len(others) == len(list(objective.parameters()))


def test_a_moving_average_follows_the_parameters() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.5)
    expected = model.weight.item()
    for step, decay in ((1, 2 / 11), (2, 3 / 12), (100, 0.5)):
        torch.nn.init.constant_(model.weight, step)
        average.update(step)
        expected = decay * expected + (1 - decay) * step
        assert average.tensors["weight"].item() == pytest.approx(expected)
