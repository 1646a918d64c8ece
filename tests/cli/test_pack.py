"""Every command that reads a run takes a packed one, or says what to do instead."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Program, sets

TEST = ["--source", "test.en", "--reference", "test.de"]


@pytest.fixture
def pack(here: Path, program: Program) -> Path:
    """Return the folder with `model.zip` and without the run that it was made from."""
    assert program("pack", "runs/demo", "model.zip").output == "model.zip\n"
    shutil.move("runs", "moved")
    return here


def test_translations_and_scores_are_those_of_the_run(pack: Path, program: Program) -> None:
    names = ("moved/demo", "model.zip")
    runs = [program("translate", "A dog sleeps.", "--run", name, "--attention", "json") for name in names]
    assert runs[0].output == runs[1].output != ""
    runs = [program("evaluate", name, *TEST) for name in names]
    assert runs[0].output.splitlines()[1:8] == runs[1].output.splitlines()[1:8]
    assert "translating 12 sentences with model.zip" in runs[1].errors
    assert "a packed run has no hashes of its training pairs" in runs[1].errors
    result = program("evaluate", "model.zip")
    assert result.code == 4
    assert "model.zip: the run has no test sentences; give files with --source and --reference" in result.errors


def test_the_other_commands_take_it_as_well(pack: Path, program: Program) -> None:
    assert program("report", "model.zip", *TEST).code == 0
    assert "model.zip" in (pack / "report.html").read_text()
    assert program("compare", "model.zip", "moved/demo", *TEST).code == 0
    assert "model.zip: finished after step 6" in program("watch", "model.zip").output
    more = [*TINY, "training.steps=1", "training.initialise_from=model.zip"]
    result = program("train", "demo.toml", *sets(more), "--output", "runs/more")
    assert (result.code, "model.zip is a packed run" in result.errors) == (2, True)


def test_what_needs_a_folder_says_so(pack: Path, program: Program) -> None:
    result = program("translate", "A dog", "--run", "model.zip", "--engine", "ctranslate2")
    assert (result.code, "unpack it and export the folder" in result.errors) == (4, True)
    for to in ("ctranslate2", "transformers"):
        result = program("export", "model.zip", "--to", to)
        assert (result.code, "--output: not given, but model.zip is a file" in result.errors) == (2, True)
        result = program("export", "model.zip", "--to", to, "--output", "out")
        assert (result.code, "--source: not given, and model.zip has no validation" in result.errors) == (2, True)
    result = program("pack", "moved/demo", "model.zip")
    assert (result.code, "model.zip: already exists" in result.errors) == (5, True)
    result = program("pack", "moved/demo", "model")
    assert (result.code, "expected a name that ends in .zip; add .zip" in result.errors) == (2, True)
