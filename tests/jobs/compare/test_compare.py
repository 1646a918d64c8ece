"""Comparisons do not depend on the order of the runs."""

from typing import Any

import pytest

from tests.faults.harness import make_it_write
from tests.jobs.compare.conftest import CPU, configure
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError
from translator.evaluation.comparison import NO_DIFFERENCE, sentence_scores
from translator.jobs.compare import compare
from translator.jobs.compare.compare import Comparison, compare_runs, with_seeds
from translator.runs.folder import HeldOut, RunFolder


def without_seconds(comparison: Comparison) -> list[Any]:
    return [row._replace(evaluation=row.evaluation._replace(seconds=0.0)) for row in comparison.rows]


def compared(*runs: RunFolder, **options: Any) -> Comparison:
    return compare_runs(runs, device=CPU, **{"settings": DecodingSettings(search="greedy"), **options})


def test_a_single_run_is_scored_but_not_compared(trained: RunFolder) -> None:
    comparison = compared(trained)
    assert comparison.verdict.startswith("demo scores ")
    assert len(comparison.rows) == 1
    assert (comparison.best, comparison.conditions, comparison.seeds) == (0, [], None)
    assert comparison.rows[0].test == NO_DIFFERENCE
    assert comparison.rows[0].most_different == ([], [])


def test_the_order_of_the_runs_only_changes_the_order_of_the_rows(pair: list[RunFolder]) -> None:
    make_it_write(pair[1].path, "▁der")
    configure(pair[1], decoding={"beam_size": 1}, training={"seed": 2, "label_smoothing": 0.3})
    alone = compared(pair[0])  # its translations are the references, so it is the better run
    options = {"settings": None, "test": HeldOut(alone.test.source, alone.rows[0].evaluation.hypotheses, None)}
    comparison, reverse = compared(*pair, **options), compared(*reversed(pair), **options)
    assert without_seconds(comparison) == without_seconds(reverse)[::-1]
    assert (comparison.verdict, comparison.decoding) == (reverse.verdict, reverse.decoding)
    assert comparison.best == 1 - reverse.best
    assert [(name, values[::-1]) for name, values in comparison.conditions] == reverse.conditions
    assert [name for name, _ in comparison.conditions] == ["training.label_smoothing", "decoding.beam_size"]


def test_sentence_scores_of_the_most_different_sentences_are_those_of_the_translations(pair: list[RunFolder]) -> None:
    make_it_write(pair[1].path, "▁")
    source = pair[0].split("test").source
    references = compared(pair[0]).rows[0].evaluation.hypotheses
    comparison = compared(*pair, test=HeldOut(source, references, None))
    best, other = (row.evaluation.hypotheses for row in comparison.rows)
    assert (comparison.best, comparison.rows[0].most_different) == (0, ([], []))
    gaps, no_gaps = comparison.rows[1].most_different
    assert (len(gaps), no_gaps) == (10, [])
    for number, *scores in gaps:
        translations = [best[number - 1], other[number - 1]]
        assert scores == sentence_scores(translations, [[references[number - 1]] * 2])


def test_strict_lists_all_conditions_before_translating(pair: list[RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    configure(pair[1], training={"learning_rate": 0.5, "batch_tokens": 9})
    monkeypatch.setattr(compare, "evaluate_run", lambda *_, **__: pytest.fail("translation has started"))
    with pytest.raises(UsageError, match=r"training\.batch_tokens \(512, 9\); training\.learning_rate"):
        compared(*pair, strict=True)


def test_given_decoding_settings_apply_to_all_runs(pair: list[RunFolder]) -> None:
    configure(pair[1], decoding={"beam_size": 7})
    assert compared(*pair, strict=True).conditions == []


def test_over_seeds_equal_configs_do_not_differ(pair: list[RunFolder]) -> None:
    make_it_write(pair[1].path, "▁der")
    comparison = with_seeds(compared(*pair, *pair), ["a", "b"])
    assert comparison.seeds is not None
    assert [config.difference.delta for config in comparison.seeds.configs] == [0.0, 0.0]
    assert [config.difference.p_value for config in comparison.seeds.configs] == [1.0, 1.0]
    assert [(pair.best, pair.other) for pair in comparison.seeds.pairs] == [(0, 2), (1, 3)]
    assert "do not tell a and b apart" in comparison.verdict


def test_runs_with_different_tokenizers_are_scored_with_that_of_the_language(pair: list[RunFolder]) -> None:
    configure(pair[1], evaluation={"tokenizer": "char"})
    comparison, reverse = compared(*pair), compared(*reversed(pair))
    assert all(
        ["tok:13a" in row.evaluation.scores[0].signature for row in found.rows] == [True, True]
        for found in (comparison, reverse)
    )
    assert [notice.partition(" differs")[0] for notice in comparison.notices] == ["evaluation.tokenizer"]
    assert comparison.notices[0].endswith("(13a, char); BLEU of all is computed with 13a")
    assert [(name, values) for name, values in comparison.conditions] == [("evaluation.tokenizer", ["13a", "char"])]
    configure(pair[0], evaluation={"tokenizer": "char"})
    agreed = compared(*pair)
    assert "tok:char" in agreed.rows[0].evaluation.scores[0].signature
    assert (agreed.notices, agreed.conditions) == ([], [])
