"""Rows G of the catalogue: figures that are right, repeatable, or refused."""

import json
import shutil
import unicodedata
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import Commands, make_it_write, reseal, snapshot
from translator.evaluation.metrics import score_all
from translator.training.journal import Journal, read_journal
from translator.training.progress import Report, Validation


def evaluate(commands: Commands, folder: Path, source: str, reference: str, *options: str) -> dict[str, object]:
    """Return what `evaluate --json` prints for `runs/demo` with these files; none of its messages may be an error."""
    arguments = ["runs/demo", "--source", source, "--reference", reference, "--json", *options]
    done = commands.run(folder, "evaluate", *arguments)
    assert done.code == 0, done.error_text
    return {**json.loads(done.output), "errors": done.error_text}


def test_g01_different_counts_are_reported_and_never_scored(commands: Commands, work: Path) -> None:
    lines = (work / "test.de").read_bytes().splitlines(keepends=True)
    for count in (11, 1, 0):
        (work / "short.de").write_bytes(b"".join(lines[:count]))
        done = commands.run(work, "evaluate", "runs/demo", "--source", "test.en", "--reference", "short.de")
        assert (done.code, done.output) == (3, b"")
        assert f"short.de: {count} lines, but test.en has 12" in done.error_text
        files = ["--source", "test.en", "--reference", "short.de"]
        assert commands.run(work, "compare", "runs/demo", "runs/demo-additive", *files).code == 3


def test_g03_a_perfect_translation_scores_100_and_not_a_bit_more(commands: Commands, work: Path) -> None:
    make_it_write(work / "runs/demo", "<0x21>")  # "!!!!", which the scorers read as many words
    assert commands.run(work, "translate", "--run", "runs/demo", "--input", "test.en", "--output", "own.de").code == 0
    found = evaluate(commands, work, "test.en", "own.de")
    scores = {score["metric"]: (score["value"], score["low"], score["high"]) for score in found["scores"]}
    assert scores["BLEU"] == scores["BLEU lc"] == scores["chrF2"] == (100.0, 100.0, 100.0)
    assert scores["TER"] == (0.0, 0.0, 0.0)
    done = commands.run(work, "evaluate", "runs/demo", "--source", "test.en", "--reference", "own.de")
    assert "BLEU       100.00  (higher is better)  100.00 to 100.00" in done.output.decode()


def test_g04_another_normalisation_is_noticed(commands: Commands, work: Path) -> None:
    references = unicodedata.normalize("NFD", (work / "test.de").read_text(encoding="utf-8"))
    (work / "nfd.de").write_text(references, encoding="utf-8")
    found = evaluate(commands, work, "test.en", "nfd.de")
    assert "Unicode normalisation differs" in str(found["errors"])
    assert all("version:" in score["signature"] for score in found["scores"])


def test_g05_empty_translations_and_references_are_scored_and_empty_files_are_not(
    commands: Commands, work: Path
) -> None:
    (work / "blank").write_text("\n" * 3)
    (work / "three").write_text("ein Hund\n\neine Katze\n")
    (work / "nothing").write_text("")
    found = evaluate(commands, work, "blank", "three")
    assert found["scores"][0]["value"] == 0.0
    assert "1 reference lines are empty" in found["errors"]
    assert evaluate(commands, work, "three", "blank")["scores"][0]["value"] == 0.0
    assert evaluate(commands, work, "blank", "blank")["num_sentences"] == 3
    done = commands.run(work, "evaluate", "runs/demo", "--source", "nothing", "--reference", "nothing")
    assert done.code == 3
    assert "no sentences" in done.error_text
    files = ["--source", "nothing", "--reference", "nothing"]
    assert commands.run(work, "compare", "runs/demo", "runs/demo-additive", *files).code == 3
    for source, reference in (("blank", "three"), ("three", "blank"), ("blank", "blank")):
        files = ["--source", source, "--reference", reference]
        assert commands.run(work, "compare", "runs/demo", "runs/demo-additive", *files).code == 0


@pytest.mark.parametrize("end", ["\r", "\x85", "\u2028", "\x0b", "\x1c"])
def test_g06_a_line_end_inside_a_sentence_scores_as_a_space_by_file_and_by_pipe(end: str) -> None:
    plain = ["ein Hund schläft hier", "eine Katze trinkt Milch"]
    spoilt = [line.replace(" ", end, 2) for line in plain]
    references = ["ein Hund schläft da", "eine Katze trinkt die Milch"]
    spoilt_references = [line.replace(" ", end, 1) for line in references]
    assert score_all(spoilt, [references]) == score_all(plain, [references]) == score_all(plain, [spoilt_references])


def test_g06_a_line_end_inside_a_translation_scores_as_a_space_by_command(commands: Commands, work: Path) -> None:
    (work / "cr.de").write_bytes((work / "test.de").read_bytes().replace(b" ", b"\r"))
    scores = [evaluate(commands, work, "test.en", name)["scores"] for name in ("test.de", "cr.de")]
    assert scores[0] == scores[1]


def test_g07_other_references_are_not_compared(commands: Commands, work: Path) -> None:
    shutil.copytree(work / "runs/demo", work / "runs/other")
    (work / "runs/other/corpus/test.target").write_text("x\n" * 12)
    reseal(work / "runs/other")
    done = commands.run(work, "compare", "runs/demo", "runs/other")
    assert (done.code, done.output) == (3, b"")
    assert "other: different references (fingerprint " in done.error_text
    files = ["--source", "test.en", "--reference", "test.de"]
    assert commands.run(work, "compare", "runs/demo", "runs/other", *files).code == 0


@pytest.mark.parametrize("spoil", ["missing", "weights", "record", "config", "finish", "test"])
def test_g08_a_missing_or_damaged_run_is_named_and_the_others_are_unchanged(
    commands: Commands, work: Path, spoil: str
) -> None:
    files = {
        "weights": "final/model.safetensors", "record": "run.json", "config": "config.toml",
        "finish": "final/finished.json", "test": "corpus/test.source",
    }  # fmt: skip
    if spoil == "missing":
        shutil.rmtree(work / "runs/demo-additive")
    else:
        (work / "runs/demo-additive" / files[spoil]).write_bytes(b"x")
    before = snapshot(work)
    for runs in (["runs/demo", "runs/demo-additive"], ["runs/demo-additive", "runs/demo"]):
        done = commands.run(work, "compare", *runs)
        assert (done.code, done.output, snapshot(work)) == (4, b"", before)
        assert "runs/demo-additive" in done.error_text


@pytest.mark.parametrize("spoil", ["missing", "weights"])
def test_g08_with_skip_missing_the_others_are_compared(commands: Commands, work: Path, spoil: str) -> None:
    shutil.copytree(work / "runs/demo", work / "runs/copy")
    if spoil == "missing":
        shutil.rmtree(work / "runs/demo-additive")
    else:
        (work / "runs/demo-additive/final/model.safetensors").write_bytes(b"x")
    words = ["compare", "runs/demo", "runs/demo-additive", "runs/copy", "--beam-size", "1", "--json", "--skip-missing"]
    done = commands.run(work, *words)
    assert done.code == 0, done.error_text
    assert [row["run"] for row in json.loads(done.output)["runs"]] == ["demo", "copy"]
    assert done.error_text.count("skipped: runs/demo-additive") == 1
    done = commands.run(work, "compare", "runs/demo", "runs/demo-additive", "--skip-missing")
    assert (done.code, done.output) == (4, b"")
    assert "compare: 1 of 2 runs are usable, expected at least 2" in done.error_text


def test_g09_a_run_does_not_differ_from_itself(commands: Commands, work: Path) -> None:
    done = commands.run(work, "compare", "runs/demo", "runs/demo/../demo", "--json")
    rows = json.loads(done.output)["runs"]
    assert [(row["paired_test"]["delta"], row["paired_test"]["p_value"]) for row in rows] == [(0.0, 1.0)] * 2
    done = commands.run(work, "compare", "runs/demo")
    assert done.code == 2
    assert "found 1 run, expected at least 2" in done.error_text


def test_g09_fifty_runs_are_compared(commands: Commands, work: Path) -> None:
    for number in range(1, 49):
        shutil.copytree(work / "runs/demo", work / f"runs/copy-{number}")
    make_it_write(work / "runs/demo", "▁")
    (work / "two.en").write_text("a dog\nthe cat\n")
    (work / "two.de").write_text("ein Hund\ndie Katze\n")
    options = ["--source", "two.en", "--reference", "two.de", "--beam-size", "1", "--json"]
    done = commands.run(work, "compare", *sorted(f"runs/{path.name}" for path in (work / "runs").iterdir()), *options)
    assert done.code == 0
    assert len(json.loads(done.output)["runs"]) == 50


def test_g10_an_incomplete_last_line_of_the_journal_is_ignored_and_training_resumes(
    commands: Commands, work: Path
) -> None:
    path = work / "runs/demo/journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    records, is_torn = read_journal(path)
    assert is_torn
    assert len(records) == content.count(b"\n") - 1
    more = [*SETTINGS["demo"], "training.steps=14"]
    done = commands.run(work, "train", "demo.toml", *sets(*more), "--output", "runs/demo")
    assert done.code == 0, done.error_text
    steps = [event.step for event in read_journal(path).events if isinstance(event, Report)]
    assert steps == list(range(1, 15))


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"event": "update", "loss": 1.0}',
        '{"event": "update", "step": 2, "loss": 1.0}',
        f'{{"event": "update", "step": {"9" * 4000}, "loss": 1.0}}',
        '{"event": "update", "step": true, "loss": 1.0}',
        '{"event": "update", "step": 4, "loss": NaN}',
        '{"event": "validation", "step": 4, "samples": 5}',
        '{"event": "validation", "step": 4, "samples": null}',
        '{"event": "validation", "step": 4, "samples": [5]}',
        '{"event": "validation", "step": 4, "samples": [{"source": NaN}]}',
        '{"event": "validation", "step": 4, "samples": [{"source": "\\ud800"}]}',
    ],
    ids=lambda line: line[:80],
)
def test_g10_a_journal_with_an_invalid_line_is_refused_with_its_number(
    commands: Commands, work: Path, line: str
) -> None:
    path = work / "runs/demo/journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], line.encode() + b"\n", *lines[4:], b"torn"]))
    before = snapshot(work / "runs")
    more = ["demo.toml", *sets(*SETTINGS["demo"], "training.steps=14"), "--output"]
    for words in (["train", *more, "runs/demo"], ["watch", "runs/demo"], ["report", "runs/demo"]):
        done = commands.run(work, *words)
        assert (done.code, done.output) == (4, b"")
        assert "journal.jsonl:5: is damaged" in done.error_text
    seen = commands.on_terminal(work, "watch", "runs/demo")
    assert seen.code == 4
    assert "journal.jsonl:5: is damaged" in seen.error_text
    assert snapshot(work / "runs") == before


def test_g11_numbers_that_are_not_finite_are_null_and_the_journal_stays_json(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl", print) as journal:
        journal.write(Validation(1, float("nan"), float("nan"), float("inf"), False, 1.0, []))
    text = (tmp_path / "journal.jsonl").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
