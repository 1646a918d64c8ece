"""`evaluate --hypothesis` scores the output of any system as that of a run is scored."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Program

OURS, THEIRS = ["--hypothesis", "ours.de"], ["--hypothesis", "theirs.de"]
TEST = ["--reference", "test.de"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A test set of 30 sentences, a good and a bad translation of it."""
    monkeypatch.chdir(tmp_path)
    lines = [f"der alte Mann Nummer {n} liest heute ein gutes Buch über Haus {n}" for n in range(30)]
    contents = {
        "test.de": lines,
        "test.de.1": [line.replace("gutes", "gut") for line in lines],
        "test.en": [f"the old man number {n} reads a good book today" for n in range(30)],
        "ours.de": [line.replace("heute", "jetzt") if n < 3 else line for n, line in enumerate(lines)],
        "theirs.de": [line.replace("gutes Buch", "Heft") if n < 20 else line for n, line in enumerate(lines)],
        "short.de": lines[:29],
        "gaps.de": [*lines[:28], "", " "],
    }
    for name, content in contents.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in content))
    return tmp_path


def test_the_scores_are_those_of_a_run_that_wrote_the_same(here: Path, program: Program) -> None:
    given = ["--source", "test.en", "--reference", "test.de"]
    run = json.loads(program("evaluate", "runs/demo", *given, "--output", "out.de", "--json").output)
    result = program("evaluate", "--hypothesis", "out.de", *given, "--json")
    assert (result.code, result.errors) == (0, "")
    record = json.loads(result.output)
    (system,) = record["systems"]
    assert (record["num_sentences"], system["system"]) == (12, "out.de")
    assert {name: system[name] for name in ("scores", "by_length")} == {
        name: run[name] for name in ("scores", "by_length")
    }
    text = program("evaluate", "--hypothesis", "out.de", "--reference", "test.de").output
    assert "words of the source" not in text
    assert text.startswith("Scores of out.de\nmetric ")


def test_several_systems_are_compared_with_the_first_in_one_table(files: Path, program: Program) -> None:
    result = program("evaluate", *THEIRS, *OURS, *TEST, "--source", "test.en")
    assert result.code == 0, result.errors
    rows = {line.split()[0]: line for line in result.output.splitlines()[1:4]}
    assert "BLEU against theirs.de" in rows["system"]
    assert "  the first  " in rows["theirs.de"]
    assert "best, +" in rows["ours.de"]
    assert "<10 words (" in result.output
    turned = json.loads(program("evaluate", *OURS, *THEIRS, *TEST, "--json").output)["systems"]
    again = json.loads(program("evaluate", *THEIRS, *OURS, *TEST, "--format", "json").output)["systems"]
    assert turned[0]["scores"] == again[1]["scores"]
    assert turned[1]["paired_test"]["delta"] == -again[1]["paired_test"]["delta"] < 0
    assert "paired_test" not in turned[0]
    text = program("evaluate", *OURS, *THEIRS, *TEST).output
    assert "best, the first" in text
    (files / "same.de").write_text((files / "ours.de").read_text())
    text = program("evaluate", *OURS, "--hypothesis", "same.de", *TEST).output
    assert text.count("best, tied, ") == 2
    (files / "close.de").write_text((files / "ours.de").read_text().replace("jetzt", "heute", 1))
    text = program("evaluate", *OURS, "--hypothesis", "close.de", *TEST).output
    assert re.search(r"^close.de .* best, not significantly, \+\d\.\d \(too few differ\) ", text, re.MULTILINE)


def test_several_references_and_standard_input_are_read(files: Path, program: Program) -> None:
    several = ["--reference", "test.de", "--reference", "test.de.1"]
    by_file = program("evaluate", *OURS, *several, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(by_file.output)))
    assert "nrefs:2" in rows[0]["scores.BLEU.signature"]
    piped = program(
        "evaluate", "--hypothesis", "-", *several, "--format", "csv", stdin=(files / "ours.de").read_bytes()
    )
    assert piped.output == by_file.output.replace("ours.de", "standard input")


def test_empty_lines_are_reported_and_scored(files: Path, program: Program) -> None:
    result = program("evaluate", "--hypothesis", "gaps.de", *TEST)
    assert (result.code, result.errors) == (0, "warning: gaps.de: 2 of 30 lines are empty\n")


def test_the_tokenizer_follows_the_name_of_the_reference_or_is_given(files: Path, program: Program) -> None:
    for name in ("test.zh", "reference"):
        (files / name).write_text("他读一本好书\n" * 30)
    signature = '"signature": "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:{}|'
    assert signature.format("zh") in program("evaluate", *OURS, "--reference", "test.zh", "--json").output
    result = program("evaluate", *OURS, "--reference", "reference", "--json")
    assert signature.format("13a") in result.output
    assert result.errors == (
        "warning: the references have no spaces between words: name BLEU's tokenizer, such as --set evaluation.tokenizer=zh\n"
    )
    given = program("evaluate", *OURS, "--reference", "reference", "--json", "--set", "evaluation.tokenizer=zh")
    assert (signature.format("zh") in given.output, given.errors) == (True, "")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([*OURS], 2, "--hypothesis: given without a reference; add --reference FILE"),
        (
            ["--hypothesis", "short.de", *TEST],
            3,
            "short.de: 29 lines, but test.de has 30; line n must translate line n",
        ),
        (
            [*OURS, *TEST, "--source", "short.de"],
            3,
            "test.de: 30 lines, but short.de has 29; line n must translate line n",
        ),
        (["demo", *OURS, *TEST], 2, "RUN: has no effect together with --hypothesis; omit it, or --hypothesis"),
        ([*OURS, *TEST, "--run", "demo"], 2, "RUN: has no effect together with --hypothesis"),
        ([*OURS, *TEST, "--beam-size", "3"], 2, "--beam-size: has no effect together with --hypothesis"),
        ([*OURS, *TEST, "--without-leaked"], 2, "--without-leaked: has no effect together with --hypothesis"),
        ([*OURS, *TEST, "--output", "x"], 2, "--output: has no effect together with --hypothesis"),
        ([*OURS, *TEST, "--set", "decoding.beam_size=3"], 2, "--set decoding.beam_size=3: nothing is translated"),
        ([*OURS, *TEST, "--set", "evaluation.tokenizer=x"], 2, "evaluation.tokenizer: found 'x', expected 'auto', "),
        ([*OURS, *TEST, "--set", "evaluation.tokeniser=zh"], 2, "did you mean 'tokenizer'?"),
        (
            ["--hypothesis", "-", "--reference", "-"],
            2,
            "-: given for two files, but standard input can be read only once",
        ),
        (["--hypothesis", "none.de", *TEST], 3, "none.de: no such file"),
        ([*OURS, *TEST, "--format", "pdf"], 2, "--format: found 'pdf', expected 'text', "),
        ([*OURS, *OURS, *TEST], 2, "--hypothesis ours.de: given twice"),
    ],
)
def test_a_combination_without_sense_is_one_clear_line(
    files: Path, program: Program, words: list[str], code: int, message: str
) -> None:
    result = program("evaluate", *words)
    assert (result.code, result.output) == (code, "")
    assert message in result.errors
    assert result.errors.count("\n") == 1
