"""Several processes train one run: the same updates, one output, one end."""

import json
import signal
from pathlib import Path

import pytest

from tests.faults.runs import Trainings, assert_equal, journal, losses

TERM = int(signal.SIGTERM)
STILL = {
    "transformer": ["model.dropout=0.0", "ops.precision=fp32"],
    "performer": ["model.dropout=0.0", "ops.precision=fp32"],
    "recurrent": ["model.embedding_dropout=0.0", "model.readout_dropout=0.0", "ops.precision=fp32"],
}


@pytest.mark.parametrize(
    ("kind", "accumulation", "size"), [("transformer", 1, 3), ("recurrent", 1, 2), ("performer", 4, 2)]
)
def test_several_processes_have_the_losses_of_one(
    kind: str, accumulation: int, size: int, trainings: Trainings, tmp_path: Path
) -> None:
    settings = [*STILL[kind], f"training.accumulation={accumulation}"]
    done = [process.wait() for process in trainings.several(kind, tmp_path / "run", *settings, size=size)]
    assert [result.code for result in done] == [0] * size, done
    assert [result.output for result in done] == [f"{tmp_path / 'run'}\n".encode(), *[b""] * (size - 1)]
    assert [result.error_text for result in done[1:]] == [""] * (size - 1)
    found, expected = (
        list(map(float.fromhex, losses(run))) for run in (tmp_path / "run", trainings.whole(kind, *settings))
    )
    assert found == pytest.approx(expected, rel=1e-4)
    counts = [
        [record.get("num_tokens") for record in journal(run)]
        for run in (tmp_path / "run", trainings.whole(kind, *settings))
    ]
    assert counts[0] == counts[1]


def test_several_processes_stop_and_resume_exactly(trainings: Trainings, tmp_path: Path) -> None:
    assert [process.wait().code for process in trainings.several("transformer", tmp_path / "whole")] == [0, 0]
    stop = ("send", TERM, "translator.training.loop.Report", 4)
    done = [process.wait() for process in trainings.several("transformer", tmp_path / "run", sabotage=[stop])]
    assert [result.code for result in done] == [143, 143]
    assert "step 4: stopped by SIGTERM, state saved in" in done[0].error_text
    done = [process.wait() for process in trainings.several("transformer", tmp_path / "run")]
    assert [result.code for result in done] == [0, 0]
    assert "not bit-exact" not in done[0].error_text
    assert_equal(tmp_path / "run", tmp_path / "whole")


def test_another_number_of_processes_resumes_and_says_so(trainings: Trainings, tmp_path: Path) -> None:
    stop = ("send", TERM, "translator.training.loop.Report", 4)
    still = STILL["transformer"]
    assert trainings.run("transformer", tmp_path / "run", *still, sabotage=[stop]).code == 143
    done = [process.wait() for process in trainings.several("transformer", tmp_path / "run", *still)]
    assert [result.code for result in done] == [0, 0]
    assert "not bit-exact: processes 1 -> 2\n" in done[0].error_text
    found, expected = (
        list(map(float.fromhex, losses(run))) for run in (tmp_path / "run", trainings.whole("transformer", *still))
    )
    assert found == pytest.approx(expected, rel=1e-4)


def test_all_processes_lose_patience_together(trainings: Trainings, tmp_path: Path) -> None:
    settings = "training.patience=3", "training.validate_every=2", "training.learning_rate=1e-9"
    done = [process.wait() for process in trainings.several("transformer", tmp_path / "run", *settings)]
    assert [result.code for result in done] == [0, 0]
    assert json.loads((tmp_path / "run" / "final/finished.json").read_bytes())["step"] == 8


def test_a_run_that_cannot_start_ends_all_processes_with_one_message(trainings: Trainings, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no run")
    done = [process.wait() for process in trainings.several("transformer", tmp_path / "run")]
    assert [result.code for result in done] == [5, 5]
    assert "exists and is not a run folder" in done[0].error_text
    assert done[1].error_text == ""


def test_a_lost_process_ends_the_others(trainings: Trainings, tmp_path: Path) -> None:
    kill = ("send", int(signal.SIGKILL), "translator.training.loop.Report", 4)
    first, last = (process.wait() for process in trainings.several("transformer", tmp_path / "run", sabotage=[kill]))
    assert (first.code, last.code) == (5, -9)
    assert "another process of this run has ended" in first.error_text
