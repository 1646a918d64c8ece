"""Configs are found by path or by name; a wrong name, and YAML, get advice."""

from pathlib import Path

import pytest

from translator.config import load_config
from translator.config_files import find_config, shipped, yaml_advice
from translator.errors import UsageError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_config_is_found_by_path_or_name() -> None:
    assert find_config("demo") == find_config("configs/demo.toml") == find_config("demo.toml") == shipped("demo.toml")
    Path("mine.toml").write_text("")
    assert find_config("mine.toml") == Path("mine.toml")


def test_a_wrong_name_gets_the_most_similar_config() -> None:
    for name, similar in (("dmeo", "demo"), ("demo-aditive", "demo-additive"), ("mien.toml", "mine.toml")):
        Path("mine.toml").write_text("")
        with pytest.raises(UsageError, match=f"^{name}: no such config; did you mean '{similar}'\\?$"):
            find_config(name)
    with pytest.raises(UsageError, match=r"^xyz: no such config; give a TOML file or one of auto, bahdanau, demo, "):
        find_config("xyz")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: my_model\ntraining:\n    learning_rate: 0.0002  # Adam\n",
            "line 3 is `training.learning_rate = 0.0002`",
        ),
        ("# comment\n---\ndata:\n  src:\n    lang: en\n", 'line 5 is `data.src.lang = "en"`'),
        ("a:\n  b: 'x'\n", "line 2 is `a.b = 'x'`"),
        ("use: True\nsteps: 500", "line 1 is `use = true`"),
    ],
)
def test_yaml_gets_the_same_setting_in_toml(text: str, expected: str) -> None:
    Path("my.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"^my.yaml: is YAML; configs are TOML, where ") as error:
        load_config(find_config("my.yaml"))
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["", "[model]\ndim = 3", "text without a colon", "key = 1:2", ": x", "a:\n"])
def test_other_texts_are_not_taken_for_yaml(text: str) -> None:
    assert yaml_advice(text) is None
