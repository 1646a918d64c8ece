"""Comparisons of runs: the same whatever their order, about what they say they are about, and no training twice."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import make_it_write
from tests.jobs.compare.conftest import CPU, change, configure
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError
from translator.evaluation.comparison import sentence_scores
from translator.jobs.compare import compare
from translator.jobs.compare.compare import Comparison, compare_runs, with_seeds
from translator.jobs.compare.conditions import require_equal, unequal_conditions
from translator.runs.folder import HeldOut, RunFolder


@pytest.fixture
def pair(trained: RunFolder, tmp_path: Path) -> list[RunFolder]:
    """Two copies of it, to be spoilt."""
    return [RunFolder(Path(shutil.copytree(trained.path, tmp_path / name))) for name in ("one", "other")]


def without_seconds(found: Comparison) -> list[Any]:
    return [row._replace(evaluation=row.evaluation._replace(seconds=0.0)) for row in found.rows]


def compared(*runs: RunFolder, **options: Any) -> Comparison:
    return compare_runs(runs, device=CPU, **{"settings": DecodingSettings(search="greedy"), **options})


def test_one_run_is_scored_and_compared_with_nothing(trained: RunFolder) -> None:
    found = compared(trained)
    assert found.verdict.startswith("demo scores ")
    assert len(found.rows) == 1
    assert (found.best, found.conditions, found.seeds) == (0, [], None)
    assert found.rows[0].test == (0.0, 0.0, 0.0, 1.0)
    assert found.rows[0].most_different == ([], [])


def test_the_order_of_the_runs_changes_nothing_but_the_order(pair: list[RunFolder]) -> None:
    make_it_write(pair[1].path, "▁der")
    configure(pair[1], decoding={"beam_size": 1}, training={"seed": 2, "label_smoothing": 0.3})
    alone = compared(pair[0])  # its translations are the references, so that it is the better one
    options = {"settings": None, "test": HeldOut(alone.test.source, alone.rows[0].evaluation.hypotheses, None)}
    found, turned = compared(*pair, **options), compared(*reversed(pair), **options)
    assert without_seconds(found) == without_seconds(turned)[::-1]
    assert (found.verdict, found.decoding, found.best) == (turned.verdict, turned.decoding, 1 - turned.best)
    assert [(name, values[::-1]) for name, values in found.conditions] == turned.conditions
    assert [name for name, _ in found.conditions] == ["training.label_smoothing", "decoding.beam_size"]


def test_the_sentences_that_differ_most_are_those_of_the_translations(pair: list[RunFolder]) -> None:
    make_it_write(pair[1].path, "▁")
    source = pair[0].split("test").source
    references = compared(pair[0]).rows[0].evaluation.hypotheses
    found = compared(*pair, test=HeldOut(source, references, None))
    best, other = (row.evaluation.hypotheses for row in found.rows)
    assert (found.best, found.rows[0].most_different) == (0, ([], []))
    gaps, none = found.rows[1].most_different
    assert (len(gaps), none) == (10, [])
    for number, *scores in gaps:
        one, two = best[number - 1], other[number - 1]
        assert scores == sentence_scores([one, two], [references[number - 1]] * 2)


def test_runs_that_differ_in_nothing_but_what_is_compared_have_equal_conditions(pair: list[RunFolder]) -> None:
    configure(pair[1], model={"dropout": 0.5}, training={"seed": 7, "log_every": 3, "samples": 0})
    change(pair[1], "final/finished.json", seconds=pair[0].finish_record()["seconds"] + 59, made_by="compare")
    found = unequal_conditions(pair, decoding=True)
    assert found == []
    require_equal(found)


Spoil = Callable[[RunFolder], None]
SPOILT: dict[str, Spoil] = {
    "training pairs": lambda run: change(run, "run.json", corpus__train__fingerprint="x"),
    "validation pairs": lambda run: change(run, "run.json", corpus__validation__fingerprint="x"),
    "tokenizer": lambda run: change(run, "run.json", tokenizer="x"),
    "translator": lambda run: change(run, "run.json", versions__translator="0.0"),
    "steps": lambda run: change(run, "final/finished.json", step=1),
    "weights": lambda run: change(run, "final/finished.json", weights=10**6),
    "training seconds": lambda run: change(run, "final/finished.json", seconds=1e4),
    "device": lambda run: change(run, "final/finished.json", environment__device="NVIDIA H100"),
    "products": lambda run: change(run, "final/finished.json", environment__products="x"),
    "training.learning_rate": lambda run: configure(run, training={"learning_rate": 0.5}),
    "training.patience": lambda run: configure(run, training={"patience": 9}),
    "ops.precision": lambda run: configure(run, ops={"precision": "fp32"}),
    "decoding.length_penalty": lambda run: configure(run, decoding={"length_penalty": 0.25}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_strict_refuses_whatever_is_listed_by_its_name(pair: list[RunFolder], name: str) -> None:
    SPOILT[name](pair[1])
    found = unequal_conditions(pair, decoding=True)
    assert [condition.name for condition in found] == [name]
    assert len(found[0].values) == 2
    with pytest.raises(UsageError, match=rf"--strict: unequal conditions: {name} \(.+, .+\); train the models alike"):
        require_equal(found)


def test_strict_names_all_conditions_before_it_translates(
    pair: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(pair[1], training={"learning_rate": 0.5, "batch_tokens": 9})
    monkeypatch.setattr(compare, "evaluate_run", lambda *_, **__: pytest.fail("it has begun"))
    with pytest.raises(UsageError, match=r"training\.batch_tokens \(512, 9\); training\.learning_rate"):
        compared(*pair, strict=True)


def test_a_decoding_that_is_given_holds_for_all(pair: list[RunFolder]) -> None:
    configure(pair[1], decoding={"beam_size": 7})
    assert compared(*pair, strict=True).conditions == []


def test_a_run_against_itself_over_seeds_differs_by_nothing(pair: list[RunFolder]) -> None:
    make_it_write(pair[1].path, "▁der")
    found = with_seeds(compared(*pair, *pair), ["a", "b"])
    assert found.seeds is not None
    assert [one.difference.delta for one in found.seeds.configs] == [0.0, 0.0]
    assert [one.difference.p_value for one in found.seeds.configs] == [1.0, 1.0]
    assert [(pair.best, pair.other) for pair in found.seeds.pairs] == [(0, 2), (1, 3)]
    assert "do not tell a and b apart" in found.verdict
