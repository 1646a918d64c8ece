"""`evaluate` with several references, and without leaked pairs."""

import json
from pathlib import Path

from tests.cli.conftest import Program
from translator.cli.tables import render
from translator.jobs.compare.tables import tuning_results
from translator.jobs.compare.tune import Tuning


def test_several_references_are_scored_together(here: Path, program: Program) -> None:
    files = ["--source", "test.en", "--reference", "test.de", "--reference", "train.de"]
    lines = (here / "train.de").read_text().splitlines(keepends=True)
    (here / "train.de").write_text("".join(lines[:12]))
    result = program("evaluate", "runs/demo", *files, "--json")
    assert result.code == 0, result.errors
    assert all("nrefs:2" in score["signature"] for score in json.loads(result.output)["scores"])
    (here / "train.de").write_text("".join(lines[:11]))
    refused = program("evaluate", "runs/demo", *files)
    assert (refused.code, refused.output) == (3, "")
    assert "train.de: 11 lines, but test.en has 12" in refused.errors


def test_leaked_pairs_can_be_left_out(here: Path, program: Program) -> None:
    for suffix in ("en", "de"):
        training = (here / f"train.{suffix}").read_text().splitlines(keepends=True)[:5]
        (here / f"mixed.{suffix}").write_text((here / f"test.{suffix}").read_text() + "".join(training))
    files = ["--source", "mixed.en", "--reference", "mixed.de"]
    assert program("evaluate", "runs/demo", *files).code == 3
    result = program("evaluate", "runs/demo", *files, "--without-leaked", "--json")
    assert result.code == 0, result.errors
    assert "left out 5 of 17 test pairs, which are also training pairs" in result.errors
    whole = program("evaluate", "runs/demo", "--json")
    assert json.loads(result.output)["scores"] == json.loads(whole.output)["scores"]


def test_the_tokenizer_of_bleu_may_be_given_and_sources_piped(here: Path, program: Program) -> None:
    sources = (here / "test.en").read_bytes()
    words = ["--source", "-", "--reference", "test.de", "--set", "evaluation.tokenizer=char", "--json"]
    result = program("evaluate", "runs/demo", *words, stdin=sources)
    assert result.code == 0, result.errors
    assert "tok:char" in json.loads(result.output)["scores"][0]["signature"]


def test_tuning_stands_alone_and_its_best_value_is_labelled(here: Path, program: Program) -> None:
    refused = program("evaluate", "--tune", "beam_size", "--allow-leaked")
    assert (refused.code, refused.output) == (2, "")
    assert "--allow-leaked: has no effect together with --tune; give --tune alone" in refused.errors
    results = tuning_results(Tuning("beam_size", {1.0: 10.0, 2.0: 12.0, 3.0: 12.0}))
    rows = [" ".join(line.split()) for line in render(results, "text").splitlines()[2:]]
    assert rows == ["1 10.00", "2 12.00 best", "3 12.00", "", "best: --set decoding.beam_size=2"]
    assert render(results, "csv").splitlines()[1] == "1.0,10.0"
