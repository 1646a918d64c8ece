"""Results in five forms."""

import csv
import html
import io
import json
import re

import pytest
from markdown_it import MarkdownIt

from translator.cli.tables import FORMATS, MAX_WIDTH, aligned, choose_format, render
from translator.errors import UsageError
from translator.evaluation.metrics import Score
from translator.report.tables import Results, Table
from translator.text.visible import LINE_ENDS, visible

HOSTILE = [
    "a|b",
    "_x_ *y* `z`",
    "[l](http://e)",
    "\\input{f} & 50 % $x$ #1 ~^",
    "<b>&amp;</b>",
    "line\r\nfeed\u2028x",
    "\x1b[2J",
]


@pytest.mark.parametrize("num_runs", [1, 2, 4, 5, 50])
def test_a_table_of_many_columns_is_complete_and_fits_the_width(num_runs: int) -> None:
    names = [f"a-run-with-a-name-{number}" for number in range(num_runs)]
    rows = [[f"figure {n} of these runs", *(f"{number}:{n}.{n}" for number in range(num_runs))] for n in range(20)]
    lines = aligned(["", *names], rows, MAX_WIDTH)
    assert max(map(len, lines)) <= MAX_WIDTH
    cells = {cell.strip() for line in lines for cell in line.split("  ")}
    assert {*names, *(cell for row in rows for cell in row)} <= cells


def test_numbers_are_aligned_right_and_texts_left() -> None:
    rows = [["a", "1.0", "x", "-"], ["b", "12.0 [1, 2]", "y z", "best"]]
    assert aligned(["name", "number", "text", ""], rows) == [
        "name       number  text",
        "a             1.0  x        -",
        "b     12.0 [1, 2]  y z   best",
    ]


def results(cells: list[str]) -> Results:
    score = Score("BLEU", 1 / 3, 0.1, 0.5, "sig|v:1")
    table = Table("title", ["name", "value"], [[cell, "0.3"] for cell in cells], "note")
    systems = [{"run": cell, "scores": [score], "leaked": [3, 4], "facts": {"x": None}} for cell in cells]
    return Results([table], {"runs": systems}, systems, "headline", ["last"])


def test_csv_and_json_have_every_number_in_full_under_its_whole_name() -> None:
    rows = list(csv.DictReader(io.StringIO(render(results(HOSTILE), "csv"))))
    assert [row["run"] for row in rows] == HOSTILE
    assert rows[0] == {
        "run": "a|b", "scores.BLEU.value": repr(1 / 3), "scores.BLEU.low": "0.1", "scores.BLEU.high": "0.5",
        "scores.BLEU.signature": "sig|v:1", "leaked": "3 4", "facts.x": "",
    }  # fmt: skip
    assert json.loads(render(results(HOSTILE), "json"))["runs"][1]["scores"][0]["value"] == 1 / 3


def test_a_markdown_table_shows_every_cell_as_it_is() -> None:
    text = render(results(HOSTILE), "markdown")
    page = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(text)
    cells = re.findall(r"<td(?: style=\"text-align:right\")?>(.*?)</td>", page)
    shown = [visible(cell.translate(LINE_ENDS)) for cell in HOSTILE]
    assert list(map(html.unescape, cells[::2])) == shown
    assert not any("<" in cell for cell in cells)
    assert set(cells[1::2]) == {"0.3"}
    assert [f"<p>{part}</p>" in page for part in ("headline", "<strong>title</strong>", "note", "last")] == [True] * 4


def test_a_latex_table_has_only_commands_of_our_own() -> None:
    text = render(results([*HOSTILE, "[x]", "*"]), "latex")
    body = text[text.index("\\begin{tabular}") : text.index("\\end{tabular}")]
    assert body.startswith("\\begin{tabular}{lr}\n\\toprule\nname & value \\\\\n\\midrule\n")
    rows = [line for line in body.splitlines() if line.endswith("\\\\")][1:]
    assert len(rows) == len(HOSTILE) + 2
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 1
        assert not re.search(r"(?<!\\)[%$#_~^\"]|^[\[*]", row)
    assert set(re.findall(r"\\([a-zA-Z]+)", "\n".join(rows))) == {
        "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
    }  # fmt: skip
    assert {"% title", "% note", "% headline", "% last"} <= set(text.splitlines())


def test_text_has_all_parts_in_order() -> None:
    assert render(results(["a"]), "text") == "headline\n\ntitle\nname  value\na       0.3\nnote\n\nlast"


def test_the_format_is_one_of_the_registry_and_agrees_with_json() -> None:
    assert [choose_format(name) for name in FORMATS] == list(FORMATS)
    assert (choose_format(None), choose_format(None, json=True), choose_format("json", json=True)) == (
        "text",
        "json",
        "json",
    )
    with pytest.raises(UsageError, match=r"--format: found 'latx', expected 'text', .*did you mean 'latex'"):
        choose_format("latx")
    with pytest.raises(UsageError, match="--json: given together with --format csv"):
        choose_format("csv", json=True)
