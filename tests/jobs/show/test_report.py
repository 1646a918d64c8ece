"""The report page contains the figures of its comparison, in tables, in charts and as data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.report.example import DATA, SIGNATURE, demo_pairs, example, example_page
from tests.report.parsed import Parsed
from translator.jobs.show.report import data_of, page_of
from translator.report.page import shown

NAMES = ["demo-additive", "demo"]


@pytest.fixture(scope="module")
def page() -> str:
    return example_page(demo_pairs(30), NAMES)


def test_the_data_of_a_page_can_be_read_back() -> None:
    comparison, curves, attention = example(demo_pairs(30), NAMES)
    data = Parsed(page_of(comparison, curves, attention)).data
    assert data == json.loads(json.dumps(shown(data_of(comparison, curves, attention))))
    sentences: list[dict[str, Any]] = data["sentences"]  # type: ignore[assignment]
    assert [sentence["source"] for sentence in sentences] == comparison.test.source
    for number, row in enumerate(comparison.rows):
        outputs = [sentence["outputs"][number] for sentence in sentences]
        assert ["".join(output["words"]) for output in outputs] == row.evaluation.hypotheses
        assert all(
            (output["score"] == 100.0) == ("".join(output["words"]) == reference)
            for output, reference in zip(outputs, comparison.test.target, strict=True)
        )


def test_tables_and_charts_show_the_figures_of_the_comparison(page: str) -> None:
    (comparison, curves, _), parsed = example(demo_pairs(30), NAMES), Parsed(page)
    cells = parsed.text_of("td")
    for row in comparison.rows:
        for score in row.evaluation.scores:
            assert f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]" in cells
        for group in [*row.evaluation.by_length, *row.evaluation.by_kind]:
            assert f"{group.bleu:.4g}" in cells
    assert cells.count("best") == 1
    assert "3.1 [2.2, 4.0] (p = 0.002)" in cells
    assert any(text.startswith("30 sentences, beam search, ") and SIGNATURE in text for text in parsed.text_of("p"))
    for run_curves in curves:
        assert all(f"{value:.4g}" in cells for _, value in run_curves["perplexity"])
    assert comparison.verdict in parsed.text_of("p")
    keys = [attrs for tag, attrs in parsed.elements if tag == "svg" and (attrs.get("class") or "").startswith("key")]
    assert len(keys) == len(NAMES)


def test_every_chart_has_a_table_with_the_same_figures(page: str) -> None:
    charts = re.findall(r'<figure class="chart">.*?</figure>', page, re.DOTALL)
    assert len(charts) == 8
    for chart in charts:
        lines = re.findall(r'<path class="line" d="M([^"]*)"', chart)
        rows = re.findall(r'<tr><th scope="row">', chart)
        assert [line.count("L") + 1 for line in lines] == [len(rows)] * 2


def test_a_page_with_a_thousand_sentences_of_two_runs_is_smaller_than_four_megabytes() -> None:
    assert len(example_page(demo_pairs(1000), NAMES).encode()) < 4_000_000


def test_a_page_may_show_one_run_or_three() -> None:
    assert Parsed(example_page(demo_pairs(3), NAMES[:1])).data["runs"][0]["run"] == "demo-additive"  # type: ignore[index]
    third = Parsed(example_page(demo_pairs(3), [*NAMES, "demo-fixed-vector"])).data["runs"][2]  # type: ignore[index]
    assert (third["views"], third["no_view"]) == ([], "it has no weights over words")


def test_a_page_of_the_demo_names_no_folder_of_this_machine(page: str) -> None:
    assert str(Path.home()) not in page
    assert str(DATA.parent) not in page


def test_words_of_scripts_without_spaces_are_letters_in_the_data() -> None:
    pairs = [("一只狗。", "我爱 the sea。", "a")]
    (sentence,) = Parsed(example_page(pairs, NAMES)).data["sentences"]  # type: ignore[misc]
    assert sentence["reference"] == ["我", "爱 ", "the ", "sea。"]
    assert sentence["length"] == 4


def test_metrics_and_curves_are_explained_where_they_are_named(page: str) -> None:
    parsed = Parsed(page)
    explained = {
        attrs["id"]: text for (_, attrs), text in zip(parsed.elements, parsed.texts, strict=True) if "popover" in attrs
    }
    buttons = [
        (text, attrs)
        for (tag, attrs), text in zip(parsed.elements, parsed.texts, strict=True)
        if tag == "button" and attrs["class"] == "term"
    ]
    for name in ("BLEU", "chrF2", "TER", "BLEU below the best", "Validation perplexity, exp(cross-entropy)"):
        (target,) = {attrs["popovertarget"] for text, attrs in buttons if text == name}
        assert "better" in explained[target] or name == "BLEU below the best"
    assert all(attrs["popovertarget"] == attrs["aria-describedby"] in explained for _, attrs in buttons)
