"""Every condition that differs is listed by its name, except those that may differ."""

from collections.abc import Callable

import pytest

from tests.jobs.compare.conftest import change, configure
from translator.errors import UsageError
from translator.jobs.compare.conditions import Condition, require_equal, unequal_conditions
from translator.runs.folder import RunFolder


def test_models_seeds_and_settings_without_effect_may_differ(pair: list[RunFolder]) -> None:
    configure(pair[1], model={"dropout": 0.5}, training={"seed": 7, "log_every": 3, "samples": 0})
    change(pair[1], "final/finished.json", seconds=pair[0].finish_record().seconds + 59, made_by="compare")
    conditions = unequal_conditions(pair, decoding=True)
    assert conditions == []
    require_equal(conditions)


Change = Callable[[RunFolder], None]
CHANGES: dict[str, Change] = {
    "training pairs": lambda run: change(run, "run.json", corpus__train__fingerprint="0" * 64),
    "validation pairs": lambda run: change(run, "run.json", corpus__validation__fingerprint="0" * 64),
    "tokenizer": lambda run: change(run, "run.json", tokenizer="0" * 64),
    "translator": lambda run: change(run, "run.json", versions__translator="0.0"),
    "steps": lambda run: change(run, "final/finished.json", step=1),
    "parameters": lambda run: change(run, "final/finished.json", num_parameters=10**6),
    "training seconds": lambda run: change(run, "final/finished.json", seconds=1e4),
    "device": lambda run: change(run, "final/finished.json", environment__device="NVIDIA H100"),
    "products": lambda run: change(run, "final/finished.json", environment__products="x"),
    "training.learning_rate": lambda run: configure(run, training={"learning_rate": 0.5}),
    "training.patience": lambda run: configure(run, training={"patience": 9}),
    "ops.precision": lambda run: configure(run, ops={"precision": "fp32"}),
    "decoding.length_penalty": lambda run: configure(run, decoding={"length_penalty": 0.25}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_strict_rejects_every_condition_by_its_name(pair: list[RunFolder], name: str) -> None:
    CHANGES[name](pair[1])
    conditions = unequal_conditions(pair, decoding=True)
    assert [condition.name for condition in conditions] == [name]
    assert len(conditions[0].values) == 2
    with pytest.raises(
        UsageError, match=rf"--strict: unequal conditions: {name} \(.+, .+\); train the models under equal conditions"
    ):
        require_equal(conditions)


def test_a_condition_shows_at_most_three_values() -> None:
    assert str(Condition("steps", ["1", "2", "1"])) == "steps (1, 2)"
    assert str(Condition("steps", list("12345"))) == "steps (1, 2, 3 and 2 more)"
