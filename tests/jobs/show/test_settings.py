"""Settings are explained as they are, and a commented config is the same config."""

from pathlib import Path

import pytest

from translator.attention import MECHANISMS
from translator.config import Config, flatten, load_config
from translator.config_files import shipped
from translator.errors import UsageError
from translator.jobs.show.settings import all_settings, commented, find_settings
from translator.models import MODELS

CONFIGS = sorted(path.stem for path in shipped("").glob("*.toml"))


def read(name: str, *overrides: str) -> Config:
    config = load_config(shipped(f"{name}.toml"), overrides)
    corpus = config.corpus.model_copy(update={"folder": config.corpus.folder.resolve()})
    return config.model_copy(update={"corpus": corpus})


@pytest.mark.parametrize("name", CONFIGS)
def test_a_commented_config_is_the_same_config_and_complete(name: str, tmp_path: Path) -> None:
    text = commented(read(name))
    (tmp_path / "mine.toml").write_text(text)
    again = load_config(tmp_path / "mine.toml")
    assert flatten(again) == flatten(read(name))
    assert (again.by_pairs, again.corpus.folder) == (read(name).by_pairs, read(name).corpus.folder)
    keys = {line.split()[1] if line.startswith("# ") else line.split(" = ")[0] for line in text.splitlines() if line}
    assert {key.rpartition(".")[2] for key in flatten(read(name))} <= keys
    assert max(map(len, text.splitlines())) <= 110


def test_every_setting_has_a_meaning_and_values_and_no_key_twice_with_one_condition() -> None:
    settings = all_settings()
    assert {setting.key for setting in settings} >= {key for name in CONFIGS for key in flatten(read(name))} - {
        "corpus.folder"
    }
    undescribed = {"mechanism", "architecture"}
    for setting in settings:
        assert setting.values
        assert setting.meaning or setting.key.rpartition(".")[2] in undescribed, setting
    places = [(setting.key, setting.condition) for setting in settings]
    assert len(set(places)) == len(places)


def test_a_setting_is_found_by_key_table_name_or_part() -> None:
    (steps,) = find_settings("steps")
    assert (steps.key, steps.may_change) == ("training.steps", True)
    assert find_settings("training.steps") == [steps]
    assert steps in find_settings("[training]")
    assert {setting.key for setting in find_settings("warmup")} == {"training.warmup_steps"}
    assert {setting.key.rpartition(".")[2] for setting in find_settings("num_layers")} == {"num_layers"}
    with pytest.raises(UsageError, match=r"^beam_sise: no such setting; did you mean 'beam_size'\?$"):
        find_settings("beam_sise")
    with pytest.raises(UsageError, match=r"^xyz: no such setting; type `translator settings` for all of them$"):
        find_settings("xyz")


def test_conditions_name_what_a_setting_depends_on() -> None:
    assert find_settings("model.architecture")[0].values == ", ".join(f'"{name}"' for name in MODELS)
    (mechanism,) = find_settings("decoder.cross_attention.mechanism")
    assert (mechanism.values, mechanism.condition) == (", ".join(f'"{name}"' for name in MECHANISMS), "")
    (window,) = find_settings("decoder.cross_attention.window")
    assert window.condition == 'decoder.cross_attention.mechanism = "window"'
    assert {setting.condition for setting in find_settings("norm")} >= {'model.architecture = "transformer"'}


def test_the_explanation_fits_the_width() -> None:
    for setting in all_settings():
        for width in (40, 80):
            first, *rest = setting.lines(width)
            assert first == f"{setting.key} = {setting.default}"
            assert all(line.startswith("    ") and len(line) <= width for line in rest if " " in line.strip())
