"""`train --from`: a finished run learns from other pairs."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Program, here, program, sets, trained
from translator.errors import UsageError
from translator.jobs.train.fine_tuning import fine_tuning_config
from translator.runs.folder import RunFolder

__all__ = ["here", "program", "trained"]

SHORT = sets(["training.steps=4", "training.validate_every=2", "training.average=1"])


@pytest.fixture
def new_corpus(here: Path) -> Path:
    """Write a corpus of other pairs, some of whose characters the run `demo` has never seen."""
    folder = here / "new"
    folder.mkdir()
    for language in ("en", "de"):
        lines = Path(f"train.{language}").read_text().splitlines()
        texts = {"train": [f"{line} жж" for line in lines[:40]], "valid": lines[40:46], "test": lines[46:52]}
        for split, part in texts.items():
            (folder / f"{split}.{language}").write_text("".join(f"ж {line}\n" for line in part))
    return folder


def test_a_run_is_fine_tuned_and_evaluated_on_both_test_sets(here: Path, new_corpus: Path, program: Program) -> None:
    options = ["--from", "demo", "--mix", "0.75", "--corpus", "new", *SHORT, "--output", "runs/tuned"]
    result = program("train", *options)
    assert result.code == 0, result.errors
    assert re.search(r"runs/demo: \d+\.\d+ % of the training tokens and \d+\.\d+ % of the validation", result.errors)
    demo, tuned = RunFolder(here / "runs/demo"), RunFolder(here / "runs/tuned")
    assert tuned.tokenizer().fingerprint == demo.tokenizer().fingerprint
    assert tuned.config().model == demo.config().model
    assert json.loads((tuned.path / "prepared/about.json").read_text())["num_mixed"] == 300
    assert set(demo.pair_hashes()) < set(tuned.pair_hashes())
    assert "already finished" in program("train", *options).errors
    output = program("evaluate", "tuned").output
    assert output.count("12 sentences in") == output.count("6 sentences in") == 1
    assert "\n\nScores of tuned, test set of the run that this one started from\nmetric" in output
    record = json.loads(program("evaluate", "tuned", "--json").output)
    assert record["first"]["by_kind"]
    leaked = program("evaluate", "tuned", "--source", "train.en", "--reference", "train.de")
    assert leaked.code == 3
    assert "300 of 300 test pairs are also training pairs" in leaked.errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "demo"], "--from: given without a corpus; add --corpus FILE or --set corpus.folder=FOLDER"),
        (["demo.toml", "--from", "demo"], "--from: given together with demo.toml"),
        (
            ["demo.toml", "--mix", "0.5"],
            "mix needs a run whose pairs are mixed in, initialise_from; give it with --from",
        ),
        (
            ["--from", "demo", "--mix", "1", "--set", "corpus.folder=."],
            "--mix",
        ),
    ],
)
def test_a_wrong_combination_of_options_is_rejected(
    here: Path, program: Program, arguments: list[str], message: str
) -> None:
    result = program("train", *arguments)
    assert result.code == 2
    assert message in result.errors


def test_the_settings_are_those_of_the_first_run_for_slower_learning(here: Path) -> None:
    first = RunFolder(here / "runs/demo")
    config = fine_tuning_config(first, ["corpus.folder=new", "training.patience=2"])
    before = first.config()
    assert (config.model, config.training.patience, config.training.average_of) == (before.model, 2, "best")
    assert config.training.learning_rate == before.training.learning_rate / 2
    assert config.training.initialise_from == config.tokenizer.path == str(first.path)
    with pytest.raises(UsageError, match="--from: given without a corpus"):
        fine_tuning_config(first, ["training.steps=5"])
