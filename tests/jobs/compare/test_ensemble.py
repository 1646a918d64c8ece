"""Several runs with one tokenizer are evaluated, compared and loaded as one."""

from pathlib import Path

import pytest

from tests.jobs.compare.conftest import CPU, change
from translator.decoding.settings import DecodingSettings
from translator.errors import ModelError, UsageError
from translator.jobs.compare.compare import compare_runs
from translator.jobs.compare.evaluate import evaluate_run
from translator.jobs.translate.candidates import Candidate, by_consensus
from translator.jobs.translate.load import load
from translator.models.ensemble import Ensemble
from translator.runs.folder import RunFolder
from translator.runs.lookup import ensemble_of, find_run

GREEDY = DecodingSettings(search="greedy")


def test_an_ensemble_is_named_by_its_runs(pair: list[RunFolder], tmp_path: Path) -> None:
    ensemble = find_run("one+other", tmp_path)
    assert ensemble == ensemble_of(pair)
    assert ensemble.name == "one+other"
    assert find_run(f"{pair[0].path}+{pair[1].path}") == ensemble
    assert ensemble_of([ensemble]) == ensemble
    assert ensemble_of([ensemble, pair[0]]).name == "one+other+one"
    (tmp_path / "a+b").mkdir()
    assert find_run("a+b", tmp_path).partners == ()


def test_an_ensemble_of_equal_runs_scores_like_each_of_them(pair: list[RunFolder]) -> None:
    ensemble, test = ensemble_of(pair), pair[0].split("test")
    assert isinstance(load(ensemble).model, Ensemble)
    alone, together = (evaluate_run(run, test, GREEDY, device=CPU) for run in (pair[0], ensemble))
    assert together.run == "one+other"
    assert together.hypotheses == alone.hypotheses
    comparison = compare_runs([pair[0], ensemble], test, GREEDY, device=CPU)
    assert comparison.names == ["one", "one+other"]
    one, both = (row.facts for row in comparison.rows)
    assert both.num_parameters == 2 * one.num_parameters
    assert both.final == "ensemble of 2 runs"


def test_runs_with_different_tokenizers_cannot_translate_together(pair: list[RunFolder]) -> None:
    change(pair[1], "run.json", tokenizer="0" * 64)
    with pytest.raises(ModelError):
        load(ensemble_of(pair))


def test_ctranslate2_translates_with_one_run(pair: list[RunFolder]) -> None:
    with pytest.raises(UsageError, match=r"--engine: found 'ctranslate2', but the runs form an ensemble"):
        load(ensemble_of(pair), engine="ctranslate2")


def test_mbr_returns_the_candidate_that_agrees_with_the_others() -> None:
    texts = ["ein Hund schläft", "ein Hund schlief", "ein Hund schlafe", "die Katze"]
    candidates = [Candidate(text, -1.0, -1.0 + 0.1 * rank, True, ()) for rank, text in enumerate(texts)]
    candidates.append(Candidate("ein Hund schläft ein", -1.0, -1.0, False, ()))
    settings = DecodingSettings(search="mbr", num_best=2)
    best = by_consensus(candidates, settings)
    assert len(best) == 2
    assert all(candidate.text.startswith("ein Hund sch") for candidate in best)
    assert best[0].score > best[1].score
    ranked = by_consensus(candidates, settings.model_copy(update={"num_best": 5}))
    assert [candidate.text for candidate in ranked[-2:]] == [
        "die Katze",
        "ein Hund schläft ein",
    ]  # unfinished ones last


def test_translations_by_mbr_are_among_the_candidates_of_beam_search(trained: RunFolder) -> None:
    translator, sources = load(trained), trained.split("test").source
    by_mbr = translator.translate(sources, DecodingSettings(search="mbr", beam_size=4))
    n_best = translator.translate(sources, DecodingSettings(beam_size=4), num_best=4)
    assert all(text in texts for text, texts in zip(by_mbr, n_best, strict=True))
