"""Every shipped config builds; every mistake in a config is explained at its place."""

import re
from pathlib import Path

import pytest

from translator.config import (
    MAY_CHANGE,
    MAY_DIFFER,
    NO_EFFECT,
    differences,
    dump_config,
    flatten,
    load_config,
    override_config,
    read_saved_config,
    run_name,
)
from translator.errors import UsageError
from translator.runs.model import check_model

FOLDER = Path(__file__).parent.parent / "configs"
CONFIGS = sorted(FOLDER.glob("*.toml"))
DEMO = FOLDER / "demo.toml"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_builds_and_can_be_saved_and_read(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    assert check_model(config) > 0
    (tmp_path / "config.toml").write_text(dump_config(config))
    saved = read_saved_config(tmp_path / "config.toml")
    assert dump_config(saved) == dump_config(config)
    assert (differences(flatten(saved), flatten(config)), saved.decoding) == ([], config.decoding)
    assert str(path.parent) not in dump_config(config)


AUTO = load_config(FOLDER / "auto.toml")


@pytest.mark.parametrize("num_pairs", [pairs for pairs, _ in AUTO._by_pairs])
def test_every_size_of_auto_builds_and_can_be_saved_and_read(num_pairs: int, tmp_path: Path) -> None:
    config = AUTO.for_pairs(num_pairs)
    assert check_model(config) > 0
    (tmp_path / "config.toml").write_text(dump_config(config))
    assert flatten(read_saved_config(tmp_path / "config.toml")) == flatten(config)


def test_auto_follows_the_number_of_pairs_and_set_replaces_all_its_values() -> None:
    def sizes(*overrides: str) -> list[int]:
        config = load_config(FOLDER / "auto.toml", overrides)
        return [config.for_pairs(pairs).tokenizer.vocab_size for pairs in (10, 999, 1000, 29_000, 10**7)]

    assert sizes() == [500, 500, 1000, 4000, 16_000]
    assert sizes("tokenizer.vocab_size=300") == [300] * 5
    assert load_config(DEMO).for_pairs(10**7) == load_config(DEMO)


def test_a_row_by_pairs_may_choose_another_architecture_and_set_replaces_it() -> None:
    def architectures(*overrides: str) -> list[str]:
        config = load_config(FOLDER / "auto.toml", overrides)
        return [config.for_pairs(pairs).architecture for pairs in (10, 1000, 29_000)]

    assert architectures() == ["recurrent", "recurrent", "transformer"]
    assert architectures("model.architecture=transformer", "model.dim=64") == ["transformer"] * 3
    assert architectures("model.architecture=recurrent", "model.embedding_dim=64") == ["recurrent"] * 3
    transformer = load_config(FOLDER / "auto.toml", ["model.architecture=transformer"]).for_pairs(10)
    assert transformer.encoder == load_config(FOLDER / "auto.toml").for_pairs(20_000).encoder


def test_set_need_only_suit_the_row_that_is_used() -> None:
    config = load_config(FOLDER / "auto.toml", ["model.dim=64"])
    assert config.for_pairs(29_000).model.model_dump()["dim"] == 64
    message = (
        "--set model.dim: unknown option (the config selects the architecture 'recurrent' for a corpus of this size); "
        "to use 'transformer' instead, add --set model.architecture=transformer"
    )
    with pytest.raises(UsageError, match=re.escape(message)):
        config.for_pairs(10)
    for typing_error, meant in (("model.dimm", "dim"), ("model.embeding_dim", "embedding_dim")):
        with pytest.raises(UsageError, match=f"--set {typing_error}: unknown option; did you mean '{meant}'"):
            load_config(FOLDER / "auto.toml", [f"{typing_error}=64"])


def test_a_table_by_pairs_needs_a_number_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[[by_pairs]]\nmodel.dim = 8\n")
    with pytest.raises(UsageError, match=r"a\.toml.*by_pairs: expected tables that each have a number of pairs"):
        load_config(tmp_path / "a.toml")


def test_steps_and_epochs_are_alternatives() -> None:
    by_epochs = load_config(DEMO, ["training.epochs=3"]).training
    assert (by_epochs.epochs, by_epochs.with_steps_of(7).steps) == (3, 21)
    by_steps = load_config(FOLDER / "auto.toml", ["training.steps=5"]).training
    assert (by_steps.epochs, by_steps.with_steps_of(7).steps) == (None, 5)
    saved = override_config(load_config(DEMO, ["training.epochs=3"]), ["training.steps=5"]).training
    assert (saved.epochs, saved.with_steps_of(7).steps) == (None, 5)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.step=5", r"training\.step: unknown option; did you mean 'steps'\?"),
        ("trainin.steps=5", r"--set trainin\.steps: unknown .*did you mean 'training'\?"),
        ("training.steps=0", r"training\.steps: found 0, expected greater than or equal to 1"),
        ("training.steps=ten", r"training\.steps: found 'ten', expected a valid integer"),
        ("model.dropout=1.5", r"model\.dropout: found 1\.5, expected less than"),
        ("training.learning_rate=nan", r"training\.learning_rate: found nan"),
        ("encoder.self_attention.mechanism=ful", r"encoder\.self_attention.*'ful'.*full"),
        ("encoder.self_attention.score=dott", r"encoder\.self_attention.*'dott'.*dot"),
        ("encoder.self_attention.mechanism=none", r"encoder\.self_attention.*none"),
        ("encoder.self_attention.num_heads=3", r"128.*3"),
        ("encoder.self_attention.widow=3", r"encoder\.self_attention\.widow: unknown option"),
        ("model.architecture=transfomer", r"architecture.*'transfomer'.*transformer"),
        ("model.dim=1000000000", r"parameters, expected at most|cannot be built"),
        ("training.accumulation=9223372036854775807", r"training\.accumulation: found 9.* less than or equal to 10000"),
        ("training.samples=9223372036854775807", r"training\.samples: found 9.* less than or equal to 10000"),
        ("nonsense", r"--set nonsense"),
    ],
)
def test_a_wrong_override_is_one_clear_error(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_model(load_config(DEMO, [override]))
    assert "\n" not in str(caught.value)


def test_a_recurrence_whose_size_overflows_is_refused() -> None:
    for key in ("encoder.hidden_dim", "decoder.hidden_dim"):
        with pytest.raises(UsageError, match=rf"--set {key}: found 9.* less than or equal to 1000000"):
            check_model(load_config(FOLDER / "demo-additive.toml", [f"{key}={2**63 - 1}"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nsteps = 5\nstep = 6\n", r"bad\.toml:3: training\.step: unknown option; did you mean 'steps'\?"),
        ("[training]\nsteps = 5\nsteps = 6\n", r"bad\.toml.*(overwrite|twice|line 3)"),
        ("steps = \n", r"bad\.toml.*line 1"),
        ("\xff", r"bad\.toml: "),
        ("a = " + "[" * 100_000, r"bad\.toml"),
    ],
)
def test_an_error_names_the_file_and_the_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=message):
        load_config(path)


def test_only_settings_that_are_marked_may_change() -> None:
    def changed(*overrides: str) -> list[tuple[str, object, object]]:
        return differences(flatten(load_config(DEMO)), flatten(load_config(DEMO, overrides)))

    assert changed("training.steps=7", "training.log_every=3", "decoding.beam_size=2") == []
    changes = changed("training.learning_rate=0.5", "model.dropout=0.3")
    assert [(key, new) for key, _, new in changes] == [("model.dropout", 0.3), ("training.learning_rate", 0.5)]


def test_settings_say_what_may_change_and_what_may_differ() -> None:
    assert {"training.steps", "training.average"} < MAY_CHANGE
    assert not MAY_CHANGE & {"training.seed", "training.learning_rate", "model.dropout"}
    assert {"training.seed", "training.accumulation"} | NO_EFFECT == MAY_DIFFER
    assert {"training.keep_last", "training.log_every", "training.samples", "training.tensorboard"} == NO_EFFECT
    assert NO_EFFECT < MAY_CHANGE


def test_a_run_is_named_after_its_overrides_in_any_order() -> None:
    assert run_name("demo", []) == "demo"
    assert run_name("demo", ["a=1", "b=2"]) == run_name("demo", ["b=2", "a=1"]) != run_name("demo", ["a=1"])
    assert run_name("demo", ["a=1"]).startswith("demo-")


def test_settings_that_may_change_do_not_enter_the_name_of_a_run() -> None:
    changing = [f"{key}=1" for key in MAY_CHANGE]
    assert run_name("demo", changing) == "demo"
    assert run_name("demo", ["model.dim=8", *changing]) == run_name("demo", ["model.dim=8"])
    assert (
        run_name("story", changing, ignored=frozenset()) != "story"
    )  # a quick trial of the story keeps its own folder
