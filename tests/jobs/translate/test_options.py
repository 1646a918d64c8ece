"""Decoding settings given for a finished run are checked, and an error names the option that gave them."""

import pytest

from tests.jobs.translate.conftest import DEMO
from translator.config import load_config
from translator.errors import UsageError
from translator.jobs.translate.options import decoding_settings, with_options

_CONFIG = load_config(DEMO)


def test_options_and_overrides_change_the_settings_of_the_run() -> None:
    settings = decoding_settings(_CONFIG, ["decoding.length_penalty=1"], {"beam_size": 3, "no_repeat_ngram": None})
    assert settings == _CONFIG.decoding.model_copy(update={"length_penalty": 1.0, "beam_size": 3})
    assert with_options(_CONFIG.decoding, {"beam_size": 7}).beam_size == 7


@pytest.mark.parametrize(
    ("overrides", "options", "message"),
    [
        (["training.steps=5"], {}, "--set training.steps=5: the run is already trained"),
        (["decoding.beam_size=2"], {"beam_size": 3}, "also given as --beam-size"),
        ([], {"beam_size": 0}, "--beam-size: found 0, expected"),
        (["decoding.beam_sise=2"], {}, "--set decoding.beam_sise: unknown option; did you mean 'beam_size'"),
        (["decoding.num_best=2"], {}, "found 2, expected 1; only `translate` shows several"),
    ],
)
def test_a_wrong_setting_is_named_by_its_option(overrides: list[str], options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError) as error:
        decoding_settings(_CONFIG, overrides, options)
    assert message in str(error.value)


def test_the_number_of_translations_is_that_of_the_run_only_if_it_is_asked_for() -> None:
    several = _CONFIG.model_copy(update={"decoding": _CONFIG.decoding.model_copy(update={"num_best": 4})})
    assert decoding_settings(several, [], {}).num_best == 1
    assert decoding_settings(several, [], {}, num_best="own").num_best == 4
    assert decoding_settings(several, [], {"num_best": 2}, num_best="given").num_best == 2
