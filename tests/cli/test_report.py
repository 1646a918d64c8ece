"""`translator report`: one file whose figures equal those of the other commands."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import TINY_RECURRENT, Program, sets
from tests.report.example import unpacked
from tests.report.parsed import Parsed


def test_the_page_of_a_run_has_its_scores_curves_translations_and_attention(here: Path, program: Program) -> None:
    result = program("report", "runs/demo")
    assert (result.code, result.output) == (0, "report.html\n"), result.errors
    page = (here / "report.html").read_text()
    data = Parsed(page).data
    evaluation = json.loads(program("evaluate", "runs/demo", "--json").output)
    (run,), sentences = data["runs"], data["sentences"]  # type: ignore[misc]
    assert (run["scores"], run["by_length"]) == (evaluation["scores"], evaluation["by_length"])
    assert [step for step, _ in run["curves"]["loss"]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in run["curves"]["bleu"]] == [3, 6]
    lines = program("translate", "--input", "test.en", "--attention", "json").output.splitlines()
    for line, sentence in zip(lines, sentences, strict=True):
        seen, (output,) = json.loads(line)["attention"], sentence["outputs"]
        shown = output["attention"]
        assert shown["source"].split(" ") == seen["source"]["words"]
        assert shown["target"].split(" ") == seen["target"]["words"]
        weights = [round(100 * weight) for row in seen["weights"] for weight in row]
        found = unpacked(shown["weights"])
        begin = run["default"] * len(weights)  # cross-attention is the first kind
        assert found[begin : begin + len(weights)] == pytest.approx(weights, abs=1)
        sides = {name: len(shown[name].split(" ")) for name in ("source", "target", "previous")}
        cells = {"cross": sides["target"] * sides["source"], "encoder": sides["source"] ** 2}
        cells["decoder"] = sides["target"] * sides["previous"]
        assert len(found) == sum(cells[view["kind"]] for view in run["views"])
    assert run["views"][run["default"]]["title"] == seen["view"]["title"]
    assert [view["kind"] for view in run["views"]] == ["cross"] * 5 + ["encoder"] * 5 + ["decoder"] * 5
    assert str(here) not in page


def test_the_page_of_several_runs_compares_them_and_says_which_has_no_attention(here: Path, program: Program) -> None:
    blind = sets([*TINY_RECURRENT, "decoder.cross_attention.mechanism=none"])
    assert program("train", "demo-additive.toml", *blind, "--output", "runs/blind").code == 0
    (here / "runs/blind/journal.jsonl").unlink()
    result = program("report", "runs/demo", "runs/blind", "--output", "two.html", "--beam-size", "1")
    assert result.code == 0, result.errors
    data = Parsed((here / "two.html").read_text()).data
    wanted = ["runs/demo", "runs/blind", "--beam-size", "1", "--json", "--report", "compared.html"]
    compared = json.loads(program("compare", *wanted).output)
    timed = {"seconds": 0}
    again = Parsed((here / "compared.html").read_text()).data
    assert [run | timed for run in again["runs"]] == [run | timed for run in data["runs"]]  # type: ignore[attr-defined]
    assert again["sentences"] == data["sentences"]
    assert (data["verdict"], data["decoding"]["beam_size"]) == (compared["verdict"], 1)  # type: ignore[index]
    _, second = data["runs"]  # type: ignore[misc]
    assert "has no attention weights" in second["no_view"]
    assert set(map(len, second["curves"].values())) == {0}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["runs/none"], 4, "runs/none: no such run"),
        (["--source", "test.en"], 2, "--source and --reference: only one of them is given"),
        (["--output", "no/report.html"], 5, "no such folder"),
        (["--output", "test.en"], 5, "test.en: already exists"),
        (["--source", "test.en", "--reference", "test.de", "--output", "test.de", "--force"], 2, "is the same file"),
        (["--source", "train.en", "--reference", "train.de"], 3, "test pairs are also training pairs"),
        (["--set", "training.steps=3"], 2, "only decoding.* may be set here"),
    ],
)
def test_an_error_leaves_no_page(here: Path, program: Program, arguments: list[str], code: int, message: str) -> None:
    before = (here / "test.de").read_bytes()
    result = program("report", *arguments)
    assert (result.code, result.output) == (code, ""), result.errors
    assert message in result.errors
    assert (here / "test.de").read_bytes() == before
    assert not [path for path in here.iterdir() if path.suffix == ".html" or path.name.startswith(".tmp")]
