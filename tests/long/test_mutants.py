"""2,000 mutants of every file that translating or resuming depends on, for both architectures."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS
from tests.faults.harness import Commands
from tests.faults.mutants import (
    RECORDS,
    check_checkpoints,
    check_journal,
    check_record,
    check_translation,
    fixed_files,
    mutant,
)
from tests.long.conftest import SEED
from translator.config import load_config
from translator.runs.folder import RunFolder

COUNT = 2000
MUTANTS = "mutants of files of a run folder"


@pytest.mark.parametrize("run", ["demo", "demo-additive"])
def test_no_mutant_of_a_run_folder_changes_a_translation(
    work: Path, run: str, record_property: Callable[[str, object], None]
) -> None:
    for path in fixed_files(work / "runs" / run):
        assert check_translation(work / "runs" / run, path, count=COUNT, seed=SEED) > 0.9 * COUNT
        record_property(MUTANTS, COUNT)


@pytest.mark.parametrize("run", ["demo", "demo-additive"])
@pytest.mark.parametrize("name", RECORDS)
def test_a_record_with_a_value_of_another_kind_is_refused_or_as_good(
    work: Path, run: str, name: str, record_property: Callable[[str, object], None]
) -> None:
    config = load_config(work / f"{run}.toml", SETTINGS[run])
    record_property(MUTANTS, check_record(RunFolder(work / "runs" / run), name, config, count=COUNT // 20, seed=SEED))


@pytest.mark.parametrize("run", ["demo", "demo-additive"])
def test_a_mutant_of_a_checkpoint_is_skipped(
    work: Path, run: str, record_property: Callable[[str, object], None]
) -> None:
    for path in sorted((work / "runs" / run / "checkpoints").glob("*12/*")):
        check_checkpoints(work / "runs" / run, path, count=COUNT, seed=SEED)
        record_property(MUTANTS, COUNT)
    check_journal(work / "runs" / run, count=COUNT, seed=SEED)
    record_property(MUTANTS, COUNT)


def test_the_command_says_the_same(
    commands: Commands, work: Path, record_property: Callable[[str, object], None]
) -> None:
    draw = random.Random(SEED)
    expected = commands.run(work, "translate", "--run", "runs/demo", "a dog").output
    for path in fixed_files(work / "runs/demo"):
        content = path.read_bytes()
        for _ in range(5):
            path.write_bytes(mutant(content, draw))
            done = commands.run(work, "translate", "--run", "runs/demo", "a dog")
            assert (done.code, done.output) in ((4, b""), (0, expected))
            record_property(MUTANTS, 1)
        path.write_bytes(content)
