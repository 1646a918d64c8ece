"""Short versions of `tests/long`: mutants of every file, and strings of every kind."""

from pathlib import Path

import pytest

import translator
from tests.faults.conftest import SETTINGS
from tests.faults.mutants import RECORDS, check_checkpoints, check_journal, check_record, check_translation, fixed_files
from tests.faults.strings import check_texts, check_translations
from translator.config import load_config
from translator.runs.folder import RunFolder

RUNS = ["demo", "demo-additive"]


@pytest.mark.parametrize("run", RUNS)
def test_no_mutant_of_a_run_folder_changes_a_translation(work: Path, run: str) -> None:
    files = fixed_files(work / "runs" / run)
    assert len(files) >= 12
    for path in files:
        assert check_translation(work / "runs" / run, path, count=4, seed=1) >= 1


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_with_a_value_of_another_kind_is_refused_or_as_good(work: Path, name: str) -> None:
    config = load_config(work / "demo.toml", SETTINGS["demo"])
    assert check_record(RunFolder(work / "runs/demo"), name, config, count=10, seed=1) == 10


def test_a_mutant_of_a_checkpoint_is_skipped(work: Path) -> None:
    for path in sorted((work / "runs/demo/checkpoints").glob("*12/*")):
        check_checkpoints(work / "runs/demo", path, count=12, seed=1)
    check_journal(work / "runs/demo", count=50, seed=1)


@pytest.mark.parametrize("run", RUNS)
def test_every_string_stays_one_line_from_input_to_output(finished: Path, run: str) -> None:
    loaded = translator.load(finished / "runs" / run)
    check_texts(loaded, 200)
    check_translations(loaded, 30)
