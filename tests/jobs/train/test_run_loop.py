"""What is due after each update: which steps validate and save, and which checkpoints are kept."""

import json
import math
from pathlib import Path

import pytest

from tests.jobs.train.conftest import Train
from translator.errors import MachineError
from translator.jobs.train import run_loop


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
    for record in validations:
        assert record["perplexity"] == pytest.approx(math.exp(record["cross_entropy"]))


def test_a_run_folder_that_vanishes_is_an_error(train: Train, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = run_loop.mean_cross_entropy

    def vanish(*arguments: object) -> float:
        (corpus / "vanishing" / "run.json").unlink()
        return inner(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run_loop, "mean_cross_entropy", vanish)
    with pytest.raises(MachineError, match="no longer exists; restore it and run the same command again"):
        train("vanishing", "training.validate_every=3")
