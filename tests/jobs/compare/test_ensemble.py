"""Several runs with one tokenizer are evaluated, compared and loaded as one."""

from pathlib import Path

from tests.jobs.compare.conftest import CPU
from translator.decoding.settings import DecodingSettings
from translator.jobs.compare.compare import compare_runs
from translator.jobs.compare.evaluate import evaluate_run
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


def test_translations_by_mbr_are_among_the_candidates_of_beam_search(trained: RunFolder) -> None:
    translator, sources = load(trained), trained.split("test").source
    by_mbr = translator.translate(sources, DecodingSettings(search="mbr", beam_size=4))
    n_best = translator.translate(sources, DecodingSettings(beam_size=4), num_best=4)
    assert all(text in texts for text, texts in zip(by_mbr, n_best, strict=True))
