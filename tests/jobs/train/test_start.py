"""A run is built at step 0, or resumes from its newest usable checkpoint; changed conditions are reported."""

import shutil
from pathlib import Path

import pytest

from tests.jobs.train.conftest import Train
from translator.errors import DataError, ModelError
from translator.runs.folder import RunFolder


@pytest.fixture
def run(train: Train, tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> RunFolder:
    """A copy of a run whose last steps are to be repeated."""
    whole, _ = train("whole")
    shutil.copytree(whole.path, corpus / "copy", dirs_exist_ok=True)
    shutil.rmtree(corpus / "copy/final")
    return RunFolder(corpus / "copy")


def checkpoints(run: RunFolder) -> list[Path]:
    return sorted(run.checkpoints.glob("step-*"))


def test_a_damaged_checkpoint_is_reported_and_the_one_before_used(run: RunFolder, train: Train) -> None:
    older, newest = checkpoints(run)[-2:]
    (newest / "model.safetensors").write_bytes(b"")
    _, heard = train("copy")
    assert any(line.startswith(f"{newest.name} is damaged and was skipped: ") for line in heard.lines)
    step = int(older.name.removeprefix("step-"))
    assert f"resuming from step {step}" in heard.lines
    assert heard.steps == list(range(step + 1, 13))


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(run: RunFolder, train: Train) -> None:
    for checkpoint in checkpoints(run):
        (checkpoint / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="all checkpoints are damaged; restore one of them, or start over"):
        train("copy")
    shutil.rmtree(run.path)


def test_changed_steps_are_reported_with_what_a_schedule_makes_of_them(train: Train) -> None:
    train("linear", "training.schedule=linear", "training.steps=3")
    _, heard = train("linear", "training.schedule=linear", "training.steps=4")
    assert "started with training.steps 3, now 4" in heard.lines
    assert any(line.startswith("the linear schedule ends at training.steps, so") for line in heard.lines)


@pytest.mark.parametrize("longest", [3, 4])
def test_a_pair_that_is_too_long_for_the_model_is_an_error(longest: int, train: Train) -> None:
    message = rf"training pair \d+: its source is too long \(\d+ tokens, but the model reads at most {longest}; so are "
    with pytest.raises(DataError, match=message):
        train(f"long-{longest}", "model.positions=learned", f"model.max_positions={longest}")


def test_initial_parameters_come_from_another_run_only_at_step_0(train: Train, corpus: Path) -> None:
    train("whole")
    _, heard = train("initialised", f"training.initialise_from={corpus / 'whole'}", "training.steps=3")
    assert heard.steps == [1, 2, 3]
    shutil.rmtree(corpus / "whole")
    _, heard = train("initialised", f"training.initialise_from={corpus / 'whole'}", "training.steps=4")
    assert heard.steps == [4]
