"""A decoding setting is tuned on the validation sentences."""

import pytest

from tests.jobs.compare.conftest import CPU
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError
from translator.evaluation.metrics import bleu
from translator.jobs.compare import tune as tune_module
from translator.jobs.compare.tune import TUNABLE, Tuning, tune
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder


def test_every_tunable_setting_accepts_its_values() -> None:
    for setting, values in TUNABLE.items():
        for value in values:
            assert getattr(DecodingSettings.model_validate({setting: value}), setting) == value


def test_each_value_has_its_validation_bleu(trained: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "TUNABLE", {"length_penalty": (0.0, 1.5)})
    settings, validation = DecodingSettings(beam_size=2), trained.split("validation")
    tuning = tune(trained, "length_penalty", settings, device=CPU)
    translator = load(trained)
    for value in (0.0, 1.5):
        hypotheses = translator.translate(validation.source, settings.model_copy(update={"length_penalty": value}))
        assert tuning.bleu[value] == bleu(hypotheses, validation.references)


def test_the_first_of_the_best_values_is_chosen() -> None:
    assert Tuning("length_penalty", {0.0: 1.0, 0.6: 3.0, 1.0: 3.0}).best == 0.6


def test_an_unknown_setting_is_rejected(trained: RunFolder) -> None:
    with pytest.raises(
        UsageError, match=r"--tune: found 'length', expected 'length_penalty' or 'beam_size'; did you mean"
    ):
        tune(trained, "length", DecodingSettings(), device=CPU)
