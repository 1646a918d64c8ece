"""A whole run in one process: calls of observers, resuming, and repeating the command."""

import json
from pathlib import Path

import pytest

from tests.jobs.train.conftest import Recorder, Train
from translator.errors import MachineError
from translator.jobs.train import train as module
from translator.training.progress import Report


def test_observers_are_called_for_every_update_and_validation(train: Train) -> None:
    run, heard = train("heard")
    assert heard.steps == list(range(1, 13))
    assert [validation.step for validation in heard.validations] == [6, 12]
    assert any(" parameters, device cpu" in line for line in heard.lines)
    assert heard.lines[-1].startswith("final parameters: ")
    record = json.loads((run.path / "final/finished.json").read_bytes())
    assert (record["step"], record["reason"], record["made_by"]) == (12, "all steps done", "train")


def test_a_finished_run_is_left_alone(train: Train) -> None:
    run, _ = train("finished")
    content = (run.path / "final/model.safetensors").read_bytes()
    _, heard = train("finished")
    assert heard.steps == []
    assert heard.lines == [f"{run.path} is already finished; give another --output, or more training.steps"]
    assert (run.path / "final/model.safetensors").read_bytes() == content


def test_more_steps_resume_a_finished_run(train: Train) -> None:
    train("longer")
    _, heard = train("longer", "training.steps=14")
    assert "resuming from step 12" in heard.lines
    assert "started with training.steps 12, now 14" in heard.lines
    assert heard.steps == [13, 14]


def test_epochs_are_passes_over_the_corpus_and_more_of_them_resume_a_run(train: Train) -> None:
    _, heard = train("epochs", "training.epochs=1")
    assert [heard.lines.index(line) for line in heard.lines if " 1 pass over the corpus, roughly" in line]
    num_updates = len(heard.steps)
    assert train("epochs", "training.epochs=1")[1].steps == []
    _, heard = train("epochs", "training.epochs=2")
    assert heard.steps[0] == num_updates + 1
    assert heard.steps[-1] == 2 * num_updates
    assert "started with training.epochs 1, now 2" in heard.lines


def test_a_crash_resumes_from_the_last_checkpoint(train: Train) -> None:
    class Crash(BaseException):
        """Not an Exception, since training saves its state before it raises one."""

    class Crashing(Recorder):
        def updated(self, report: Report) -> None:
            if report.step == 8:
                raise Crash

    with pytest.raises(Crash):
        train("crashed", observer=Crashing())
    run, heard = train("crashed")
    assert heard.steps == list(range(7, 13))
    whole, _ = train("whole")
    final = "final/model.safetensors"
    assert (run.path / final).read_bytes() == (whole.path / final).read_bytes()


def test_a_missing_tensorboard_is_reported_before_training(
    train: Train, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"training\.tensorboard: tensorboard is not installed"):
        train("without", "training.tensorboard=true")
    assert not (corpus / "without").exists()
