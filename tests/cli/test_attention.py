"""`--attention` and `--alignments` of `translate` and `evaluate`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Program
from translator.cli.attention import with_attention
from translator.jobs.translate.candidates import Candidate

LINES = b"A dog sleeps.\n\n[red]:smile: a\x1b[2J $x$ cat\n"


@pytest.fixture
def lines(here: Path) -> Path:
    """A folder with a run and a file to translate."""
    (here / "lines.en").write_bytes(LINES)
    return here


def test_pharaoh_follows_each_translation_and_blank_lines_stay_blank(lines: Path, program: Program) -> None:
    plain = program("translate", "--input", "lines.en").output.split("\n")
    result = program("translate", "--input", "lines.en", "--attention", "pharaoh")
    found = result.output.split("\n")
    assert [line.split(" ||| ")[0] for line in found] == plain
    links = [tuple(map(int, link.split("-"))) for link in found[0].split(" ||| ")[1].split()]
    assert sorted(target for _, target in links) == list(range(len([word for word in plain[0].split(" ") if word])))
    assert all(source < 3 for source, _ in links)
    assert "Jain and Wallace 2019" in result.errors


def test_json_has_words_and_attention_weights_that_imply_the_alignment(lines: Path, program: Program) -> None:
    records = [
        json.loads(line)
        for line in program("translate", "--input", "lines.en", "--attention", "json").output.splitlines()
    ]
    assert [record["attention"] is None for record in records] == [False, True, False]
    seen = records[0]["attention"]
    assert seen["source"]["words"] == ["A", "dog", "sleeps.", "</s>"]
    assert seen["view"]["title"] == "cross-attention, average of 4 heads"
    assert records[0]["translations"][0].keys() == {*Candidate._fields} - {"ids"}
    for row in seen["weights"]:
        assert sum(row) == pytest.approx(1.0, abs=1e-5)
    words = [max(range(3), key=row.__getitem__) for row in seen["weights"]]
    for link in seen["alignment"].split():
        source, target = map(int, link.split("-"))
        assert words[target] == source


def test_attention_can_be_shown_between_tokens(lines: Path, program: Program) -> None:
    result = program("translate", "A dog sleeps.", "--attention", "json", "--attention-unit", "token")
    seen = json.loads(result.output)["attention"]
    assert seen["source"]["words"] == seen["source"]["tokens"]
    assert seen["weights"] == seen["token_weights"]
    assert program("translate", "A dog sleeps.", "--attention", "json", "--attention-unit", "line").code == 2
    refused = program("translate", "A dog sleeps.", "--attention-unit", "token")
    assert (refused.code, refused.output) == (2, "")
    assert "--attention-unit: has no effect without --attention" in refused.errors


def test_the_terminal_heat_map_is_plain_text_within_80_columns(lines: Path, program: Program) -> None:
    result = program("translate", "--input", "lines.en", "--attention", "terminal")
    first, *picture = result.output.split("\n")
    assert first == program("translate", "A dog sleeps.").output.rstrip("\n")
    assert max(map(len, picture)) <= 80
    assert "Jain and Wallace 2019" in result.output
    assert "\x1b" not in "".join(line for line in picture if "·" in line)


def test_all_heads_are_small_maps_with_titles_in_the_terminal_and_in_files(lines: Path, program: Program) -> None:
    options = ("--input", "lines.en", "--head", "all", "--kind", "self", "--force", "--attention")
    picture = program("translate", *options, "terminal").output
    assert max(map(len, picture.splitlines()[1:])) <= 80
    for title in ("encoder self-attention, layer 1 of 1, 4 heads", "decoder self-attention", "layer 1, head 4"):
        assert title in picture
    records = [json.loads(line)["attention"] for line in program("translate", *options, "json").output.splitlines()]
    assert [record and len(record) for record in records] == [8, None, 8]
    kinds = [record["view"]["kind"] for record in records[0]]
    assert kinds == ["encoder"] * 4 + ["decoder"] * 4
    pytest.importorskip("matplotlib", reason="needs the library: pip install matplotlib")
    assert program("translate", *options, "a.png").code == 0
    assert program("translate", *options, "a.svg").code == 0
    assert (lines / "a.svg").read_text().count("layer 1, head 3") >= 2


def test_the_format_of_a_file_follows_from_its_suffix_and_standard_output_is_unchanged(
    lines: Path, program: Program
) -> None:
    pytest.importorskip("matplotlib", reason="needs the library: pip install matplotlib")
    plain = program("translate", "--input", "lines.en").output
    for name in ("a.png", "a.svg", "a.json", "a.align"):
        assert program("translate", "--input", "lines.en", "--attention", name).output == plain
        result = program("translate", "--input", "lines.en", "--attention", name)
        assert (result.code, result.output) == (5, "")
    assert (lines / "a.align").read_text().split("\n")[1] == ""
    assert [
        json.loads(line)["translation"] for line in (lines / "a.json").read_text().splitlines()
    ] == plain.splitlines()
    assert (lines / "a.png").read_bytes().startswith(b"\x89PNG")
    assert not list(lines.glob(".tmp-*"))


def test_evaluate_reports_the_alignment_error_rate_and_writes_the_attention(lines: Path, program: Program) -> None:
    gold = (ROOT / "data/test.align").read_text().splitlines()[:12]
    (lines / "gold.align").write_text("\n".join(gold) + "\n")
    result = program("evaluate", "--alignments", "gold.align", "--attention", "a.align", "--output", "test.out")
    assert result.code == 0, result.errors
    assert "AER" in result.output
    assert len((lines / "a.align").read_text().splitlines()) == len((lines / "test.out").read_text().splitlines()) == 12
    record = json.loads(program("evaluate", "--alignments", "gold.align", "--json").output)["alignment"]
    assert record.keys() == {"error_rate", "precision", "recall", "view"}
    assert 0 < record["error_rate"] <= 1
    own = program("evaluate", "--source", "test.en", "--reference", "test.out", "--alignments", "a.align", "--json")
    assert json.loads(own.output)["alignment"]["error_rate"] < 0.2  # forced on what it wrote itself


def test_training_stores_the_validation_alignments_of_the_corpus(lines: Path, program: Program) -> None:
    assert not (lines / "runs/demo/corpus/validation.align").exists()
    (lines / "valid.align").write_text("0-0\n" * 12)
    sets = ("--set", "training.steps=1", "--set", "tokenizer.vocab_size=320", "--set", "model.dim=16")
    assert program("train", "demo.toml", *sets, "--output", "runs/aligned").code == 0
    assert (lines / "runs/aligned/corpus/validation.align").read_text() == "0-0\n" * 12
    result = program("translate", "--run", "runs/aligned", "a dog", "--attention", "json")
    assert "lowest alignment error on validation" in json.loads(result.output)["attention"]["view"]["title"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["translate", "a", "--attention", "picture"], 2, "--attention: found 'picture', expected one of terminal"),
        (["translate", "a", "--attention", "a.pdf"], 2, "--attention: found 'a.pdf'"),
        (["translate", "a", "--attention", "no/a.png"], 5, "no such folder"),
        (["translate", "a", "--attention", "a.json", "--output", "a.json"], 2, "is also another file of this command"),
        (["translate", "a", "--attention", "terminal", "--json"], 2, "expected one of json"),
        (["translate", "a", "--attention", "terminal", "--layer", "2"], 2, "--layer: found 2, expected 1 to 1"),
        (["translate", "a", "--head", "2"], 2, "--head: has no effect without --attention"),
        (["translate", "a", "--kind", "self"], 2, "--kind: has no effect without --attention"),
        (["translate", "a", "--attention", "json", "--head", "x"], 2, "--head: found 'x', expected a number or all"),
        (
            ["translate", "a", "--attention", "json", "--layer", "-1"],
            2,
            "--layer: found '-1', expected a number or all",
        ),
        (
            ["translate", "a", "--attention", "pharaoh", "--head", "all"],
            2,
            "needs cross-attention of one layer and one head",
        ),
        (
            ["evaluate", "--alignments", "test.kind", "--kind", "self"],
            2,
            "--alignments: needs cross-attention of one layer",
        ),
        (["evaluate", "--attention", "terminal"], 2, "--attention: found 'terminal', expected one of FILE.json"),
        (["evaluate", "--layer", "1"], 2, "--layer: has no effect without --attention"),
        (["evaluate", "--alignments", "test.kind"], 3, "test.kind:1: found 'seen'"),
        (["evaluate", "--alignments", "missing"], 3, "missing: no such file"),
    ],
)
def test_a_usage_error_is_reported_before_anything_is_translated(
    lines: Path,
    program: Program,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    result = program(*arguments)
    assert (result.code, result.output) == (code, ""), result.errors
    assert message in result.errors


def test_control_characters_of_a_sentence_are_escaped_on_a_terminal(lines: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of Unix")
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "translator", "translate", "--input", "lines.en", "--attention", "terminal"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    code = subprocess.run(
        words, cwd=lines, env=environment, stdout=theirs, stderr=subprocess.PIPE, check=False
    ).returncode
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 65536):
            drawn += chunk
    except OSError:
        pass  # all read
    assert code == 0
    assert b"\x1b" not in drawn
    assert "cross-attention" in drawn.decode()


def test_each_translation_is_paired_with_its_own_source_for_every_block_size() -> None:
    class Echo:
        def view_all(self, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
            return found

    sources = [f"source {number}" for number in range(5)]
    found = with_attention(([f"text {number}", "worse"] for number in range(5)), sources, Echo(), block_size=2)  # type: ignore[arg-type]
    assert [(source, seen) for source, _, seen in found] == [
        (f"source {number}", (f"source {number}", f"text {number}")) for number in range(5)
    ]
