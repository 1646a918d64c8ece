"""Each run in a folder has a line, whatever state it is in."""

from pathlib import Path

import pytest

from tests.runs.example import finish_run, write_run
from translator.config import dump_config, load_config
from translator.config_files import find_config, shipped
from translator.errors import UsageError
from translator.jobs.show.runs import RunSummary, summaries
from translator.runs.folder import CONFIG, RECORD


def configure(run: Path, name: str, *overrides: str) -> None:
    (run / CONFIG).write_text(dump_config(load_config(shipped(f"{name}.toml"), overrides)))


@pytest.fixture
def found(tmp_path: Path) -> dict[str, RunSummary]:
    for name, config, overrides in (
        ("demo", "demo", []),
        ("demo-1234abcd", "demo", ["training.steps=7", "model.dim=64"]),
        ("demo-additive-seed2", "demo-additive", ["training.seed=2"]),
        ("other", "demo", []),
    ):
        configure(finish_run(tmp_path / name).path, config, *overrides)
    configure(write_run(tmp_path / "stopped").path, "demo")
    (write_run(tmp_path / "broken").path / RECORD).write_text("{")
    (tmp_path / "no run").mkdir()
    return {run.name: run for run in summaries(tmp_path)}


def test_every_run_has_a_line(found: dict[str, RunSummary]) -> None:
    assert found.keys() == {"demo", "demo-1234abcd", "demo-additive-seed2", "other", "stopped", "broken"}
    assert found["demo"].state.startswith("finished, step ")
    assert (found["demo-additive-seed2"].architecture, found["stopped"].state) == ("recurrent", "stopped, step 0")
    assert found["broken"].state.startswith("damaged: ")
    assert found["demo"].num_bytes > 0


def test_changes_are_those_from_the_config_of_the_same_name(found: dict[str, RunSummary]) -> None:
    changes = {name: run.changes for name, run in found.items()}
    assert changes["demo"] == changes["other"] == ""
    assert changes["demo-1234abcd"] == "model.dim=64, training.steps=7"
    assert changes["demo-additive-seed2"] == "training.seed=2"


def test_a_run_whose_name_is_too_long_for_a_config_has_a_line(tmp_path: Path) -> None:
    finish_run(tmp_path / ("r" * 255))
    (run,) = summaries(tmp_path)
    assert run.state.startswith("finished")
    with pytest.raises(UsageError, match="no such config"):
        find_config("r" * 300)
