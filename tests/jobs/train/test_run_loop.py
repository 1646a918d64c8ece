"""What is due after each update: which steps validate and save, and which checkpoints are kept."""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.train.conftest import Recorder, Train
from translator.errors import MachineError, ModelError
from translator.jobs.train import run_loop
from translator.jobs.train.run_loop import Training
from translator.training import journal
from translator.training.progress import Report


def kept_steps(run: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in run.glob("checkpoints/step-*"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["training.average=1", "training.keep_last=2"], [9, 12]),  # the best is among them: all scores are equal
        (["training.average=3", "training.keep_last=1"], [6, 9, 12]),
        (["training.average=2", "training.keep_last=1", "training.average_of=best"], [6, 12]),
    ],
)
def test_the_newest_and_the_averaged_checkpoints_are_kept(
    settings: list[str], expected: list[int], train: Train, request: pytest.FixtureRequest
) -> None:
    run, _ = train(f"kept-{'-'.join(map(str, expected))}", *settings)
    assert set(kept_steps(run.path)) == set(expected)


def test_the_last_step_is_validated_whatever_validate_every_says(train: Train) -> None:
    _, heard = train("last", "training.validate_every=5")
    assert [validation.step for validation in heard.validations] == [5, 10, 12]


@pytest.mark.parametrize("num_samples", [0, 1, 5, 100])
def test_samples_are_evenly_spread_and_each_shown_once(num_samples: int, train: Train, corpus: Path) -> None:
    _, heard = train(f"samples-{num_samples}", f"training.samples={num_samples}", "training.steps=1")
    sources = [sample.source for sample in heard.validations[0].samples]
    lines = (corpus / "valid.en").read_text("utf-8").splitlines()
    assert len(sources) == min(num_samples, len(lines))
    assert sources == [lines[index * len(lines) // len(sources)] for index in range(len(sources))]


def test_the_journal_has_every_update_and_validation(train: Train) -> None:
    run, heard = train("journal")
    records = [json.loads(line) for line in (run.path / "journal.jsonl").read_text("utf-8").splitlines()]
    assert [record["step"] for record in records if record["event"] == "update"] == heard.steps
    validations = [record for record in records if record["event"] == "validation"]
    assert [record["bleu"] for record in validations] == [validation.bleu for validation in heard.validations]
    assert all(0 <= record["chrf"] <= 100 for record in validations)
    for record in validations:
        assert record["perplexity"] == pytest.approx(math.exp(record["cross_entropy"]))


def test_a_run_folder_that_vanishes_is_an_error(train: Train, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = run_loop.mean_cross_entropy

    def vanish(*arguments: object) -> float:
        (corpus / "vanishing").rename(corpus / "elsewhere")
        return inner(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run_loop, "mean_cross_entropy", vanish)
    with pytest.raises(MachineError, match="vanishing: no longer exists; restore it and run the same command again"):
        train("vanishing", "training.validate_every=3")
    assert not (corpus / "vanishing").exists()


class Meddler(Recorder):
    """Does something to the run after an update."""

    def __init__(self, step: int, work: Callable[[], None]) -> None:
        super().__init__()
        self.step, self.work = step, work

    def updated(self, report: Report) -> None:
        super().updated(report)
        if report.step == self.step:
            self.work()

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.lines if line.startswith("warning: ")]


def digest(run: Path) -> str:
    return hashlib.sha256((run / "final/model.safetensors").read_bytes()).hexdigest()


def losses(run: Path) -> list[float]:
    lines = (run / "journal.jsonl").read_text("utf-8").splitlines()
    return [record["loss"] for record in map(json.loads, lines) if record["event"] == "update"]


@pytest.mark.parametrize("name", ["run.json", "manifest.json"])
def test_a_record_that_is_deleted_during_training_is_damage_and_the_state_is_saved(
    name: str, train: Train, corpus: Path
) -> None:
    path = corpus / f"without-{name}" / name
    content: list[bytes] = []
    meddler = Meddler(4, lambda: content.append(path.read_bytes()) or path.unlink())
    with pytest.raises(ModelError) as caught:
        train(path.parent.name, "training.validate_every=6", observer=meddler)
    assert str(caught.value).removeprefix(f"{path}: ") == (
        "no longer exists, so the run folder is damaged; restore it and run the same command again"
    )
    assert max(kept_steps(path.parent)) == 6
    path.write_bytes(*content)
    _, heard = train(path.parent.name, "training.validate_every=6")
    assert heard.steps == list(range(7, 13))


@pytest.mark.parametrize("average_of", ["last", "best"])
@pytest.mark.parametrize("deleted", [["step-00000003"], ["step-00000003", "step-00000006", "step-00000009"]])
def test_checkpoints_that_a_user_deletes_do_not_end_training(
    deleted: list[str], average_of: str, train: Train, corpus: Path
) -> None:
    name = f"deleted-{len(deleted)}-{average_of}"
    folder = corpus / name / "checkpoints"
    meddler = Meddler(11, lambda: [shutil.rmtree(folder / step) for step in deleted] and None)
    settings = ["training.average=4", f"training.average_of={average_of}", "training.validate_every=3"]
    run, _ = train(name, *settings, observer=meddler)
    assert [f"warning: {step} no longer exists; training continues without it" for step in deleted] == meddler.warnings
    assert losses(run.path) == losses(train("whole")[0].path)
    run.require_finished()
    assert run.finish_record().step == 12


@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_a_run_whose_checkpoints_are_all_lost_before_its_end_keeps_the_last_parameters(
    how: str, train: Train, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Training.finish

    def lose(training: Training, reason: str, made_by: str) -> None:
        for checkpoint in training.checkpoints:
            if how == "deleted":
                shutil.rmtree(checkpoint.path)
            else:
                (checkpoint.path / "model.safetensors").write_bytes(b"x")
        inner(training, reason, made_by)

    monkeypatch.setattr(Training, "finish", lose)
    run, _ = train(f"lost-{how}", "training.average=3")
    run.require_finished()
    assert run.finish_record().final == "step 12"
    assert digest(run.path) == digest(train("single", "training.average=1", "training.validate_every=12")[0].path)


def test_a_journal_that_a_user_deletes_is_written_again(train: Train, corpus: Path) -> None:
    path = corpus / "deleted-journal" / "journal.jsonl"
    meddler = Meddler(7, path.unlink)
    run, _ = train("deleted-journal", observer=meddler)
    assert meddler.warnings == [f"warning: {path}: was deleted or replaced during training, and has been written again"]
    assert losses(run.path) == losses(train("whole")[0].path)


def test_a_journal_that_cannot_be_written_saves_the_state_at_once(
    train: Train, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, folder = journal.append, corpus / "full" / "checkpoints"
    calls, seen = 0, []

    def refuse(descriptor: int, content: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls in (8, 9):  # updates 1 to 6, their validation, then updates 7 and 8
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        inner(descriptor, content)

    monkeypatch.setattr(journal, "append", refuse)
    meddler = Meddler(8, lambda: seen.extend(sorted(path.name for path in folder.glob("step-*"))))
    run, _ = train("full", observer=meddler)
    assert seen[-1] == "step-00000007"
    (warning,) = meddler.warnings
    assert "no space left" in warning
    assert losses(run.path) == losses(train("whole")[0].path)
    assert digest(run.path) == digest(train("whole")[0].path)


def test_an_error_between_two_updates_is_raised_after_the_state_is_saved(train: Train, corpus: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    for step in (5, 8):
        with pytest.raises(ZeroDivisionError):
            train("failing", observer=Meddler(step, fail))
        assert kept_steps(corpus / "failing")[-1] == step
    run, _ = train("failing")
    assert losses(run.path) == losses(train("whole")[0].path)
    assert digest(run.path) == digest(train("whole")[0].path)


def test_memory_that_runs_out_in_a_validation_leaves_the_state_saved(
    train: Train, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> float:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(run_loop, "mean_cross_entropy", fail)
        with pytest.raises(MemoryError):
            train("out-of-memory", "training.save_every=100")
    assert kept_steps(corpus / "out-of-memory") == [6]
    run, _ = train("out-of-memory", "training.save_every=100")
    assert digest(run.path) == digest(train("whole-100", "training.save_every=100")[0].path)
