"""A run is loaded with an engine, alone or with others of the same tokenizer."""

import pytest

from tests.jobs.compare.conftest import change, pair, trained
from translator.errors import ModelError, UsageError
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder
from translator.runs.lookup import ensemble_of

__all__ = ["pair", "trained"]


def test_an_unknown_engine_is_rejected(trained: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"--engine: found 'eole', expected one of 'torch', 'ctranslate2'"):
        load(trained, engine="eole")


def test_runs_with_different_tokenizers_cannot_translate_together(pair: list[RunFolder]) -> None:
    change(pair[1], "run.json", tokenizer="0" * 64)
    with pytest.raises(ModelError):
        load(ensemble_of(pair))


def test_ctranslate2_translates_with_one_run(pair: list[RunFolder]) -> None:
    with pytest.raises(UsageError, match=r"--engine: found 'ctranslate2', but the runs form an ensemble"):
        load(ensemble_of(pair), engine="ctranslate2")


def test_a_checkpoint_is_one_of_a_single_run(pair: list[RunFolder]) -> None:
    with pytest.raises(
        UsageError, match=r"--checkpoint: found 'step-7', but .* has (none|step-.*); choose one of them"
    ):
        load(pair[0], checkpoint="step-7")
    with pytest.raises(UsageError, match="--checkpoint: given with several runs"):
        load(ensemble_of(pair), checkpoint="step-7")
    with pytest.raises(UsageError, match="--checkpoint: given, but an export contains only the final parameters"):
        load(pair[0], engine="ctranslate2", checkpoint="step-7")
