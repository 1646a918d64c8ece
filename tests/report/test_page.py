"""The page without a browser: what is data stays data, all is inside, and the figures are those that were found."""

import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.faults.strings import TEXTS
from tests.report.example import DATA, HOSTILE, demo_pairs, example, example_page, hostile_pairs
from translator.jobs.show.report import data_of, page_of
from translator.report.page import FOLDER, json_block, shown, source_hash
from translator.text.visible import CONTROL

NAMES = ["demo-additive", "demo"]
OURS = (FOLDER / "page.js").read_text(), (FOLDER / "style.css").read_text()


class Parsed(HTMLParser):
    """The elements of a page, their attributes, and the text in each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[int] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "input"):
            self.open.append(len(self.elements))
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] += data

    def text_of(self, tag: str) -> list[str]:
        return [text for (element, _), text in zip(self.elements, self.texts, strict=True) if element == tag]

    @property
    def data(self) -> dict[str, object]:
        return json.loads(self.text_of("script")[0])  # type: ignore[no-any-return]

    @property
    def policy(self) -> str:
        return next(found["content"] or "" for tag, found in self.elements if tag == "meta" and "http-equiv" in found)


@pytest.fixture(scope="module")
def page() -> str:
    return example_page(demo_pairs(30), NAMES)


@pytest.fixture(scope="module")
def hostile() -> str:
    return example_page(hostile_pairs(), [HOSTILE[0], HOSTILE[5]])


def test_the_data_are_read_back_as_they_were() -> None:
    comparison, curves, looks = example(demo_pairs(30), NAMES)
    found = Parsed(page_of(comparison, curves, looks)).data
    assert found == json.loads(json.dumps(shown(data_of(comparison, curves, looks))))
    assert [one["source"] for one in found["sentences"]] == comparison.test.source  # type: ignore[index, attr-defined]
    for number, row in enumerate(comparison.rows):
        outputs = [one["outputs"][number] for one in found["sentences"]]  # type: ignore[index, attr-defined]
        assert [one["text"] for one in outputs] == row.evaluation.hypotheses
        assert all(
            (one["score"] == 100.0) == (one["text"] == reference)
            for one, reference in zip(outputs, comparison.test.target, strict=True)
        )


def test_tables_and_charts_show_the_figures_of_the_comparison(page: str) -> None:
    (comparison, curves, _), parsed = example(demo_pairs(30), NAMES), Parsed(page)
    cells = parsed.text_of("td")
    for row in comparison.rows:
        for score in row.evaluation.scores:
            assert f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]" in cells
        for group in [*row.evaluation.by_length, *row.evaluation.by_kind]:
            assert f"{group.bleu:.4g}" in cells
    assert cells.count("the best") == 1
    assert "3.1 [2.2, 4.0] (p = 0.002)" in cells
    for one in curves:
        assert all(f"{value:.4g}" in cells for _, value in one["validation_loss"])
    assert comparison.verdict in parsed.text_of("p")
    assert (
        sum(tag == "svg" and found["class"].startswith("key") for tag, found in parsed.elements if "class" in found)
        == 2
    )  # type: ignore[union-attr]


def test_every_chart_has_a_table_that_says_the_same(page: str) -> None:
    charts = re.findall(r'<figure class="chart">.*?</figure>', page, re.DOTALL)
    assert len(charts) == 7
    for chart in charts:
        lines = re.findall(r'<path class="line" d="M([^"]*)"', chart)
        rows = re.findall(r'<tr><th scope="row">', chart)
        assert [line.count("L") + 1 for line in lines] == [len(rows)] * 2


def test_nothing_hostile_becomes_markup(hostile: str) -> None:
    plain, found = Parsed(example_page([("a", "b", "c")] * len(HOSTILE), NAMES)), Parsed(hostile)
    allowed = {tag for tag, _ in plain.elements}
    assert {tag for tag, _ in found.elements} <= allowed
    assert sum(tag == "script" for tag, _ in found.elements) == 2
    assert not any(name.startswith("on") or name == "style" for _, found in found.elements for name in found)
    assert not CONTROL.search(hostile)
    assert [one["source"] for one in found.data["sentences"]] == [shown(text) for text in HOSTILE]  # type: ignore[index, attr-defined]
    assert HOSTILE[0] in "".join(found.text_of("li"))
    hostile.encode()


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_no_text_breaks_out_of_the_data(text: str) -> None:
    block = json_block({"source": text, text: [text]})
    assert not re.search("[<>&\u2028\u2029]", block)
    assert json.loads(block) == {"source": shown(text), shown(text): [shown(text)]}


def test_the_policy_allows_our_style_and_script_and_nothing_else(page: str) -> None:
    parsed = Parsed(page)
    rules = dict(rule.strip().split(" ", 1) for rule in parsed.policy.split(";"))
    code, style = parsed.text_of("script")[1], parsed.text_of("style")[0]
    assert rules["default-src"] == "'none'"
    assert (rules["script-src"], rules["style-src"]) == (source_hash(code), source_hash(style))
    assert (code, style) == OURS
    assert "unsafe" not in parsed.policy


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_nothing_is_loaded(which: str, request: pytest.FixtureRequest) -> None:
    for tag, found in Parsed(request.getfixturevalue(which)).elements:
        assert not {"src", "srcset", "data", "action", "poster", "background"} & found.keys(), tag
        assert (found.get("href") or "#").startswith(("#", "data:,"))
    for text in OURS:
        assert not re.search(r"https?:|url\(|@import|fetch|innerHTML|insertAdjacent|document\.write|eval", text)


def test_a_thousand_sentences_of_two_runs_are_less_than_three_megabytes() -> None:
    assert len(example_page(demo_pairs(1000), NAMES).encode()) < 3_000_000


def test_one_run_and_three_make_a_page_too() -> None:
    assert Parsed(example_page(demo_pairs(3), NAMES[:1])).data["runs"][0]["run"] == "demo-additive"  # type: ignore[index]
    third = Parsed(example_page(demo_pairs(3), [*NAMES, "demo-fixed-vector"])).data["runs"][2]  # type: ignore[index]
    assert (third["view"], third["no_view"]) == (None, "it has no weights over words")


def palettes() -> list[dict[str, str]]:
    """The colours by name, for light and for dark."""
    light, dark = re.findall(r":root \{(.*?)\}", OURS[1], re.DOTALL)
    first = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    return [first, {**first, **dict(re.findall(r"--([\w-]+): (#\w{6})", dark))}]


def channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def contrast(one: list[int], other: list[int]) -> float:
    """Web Content Accessibility Guidelines 2.1, "contrast ratio"."""

    def luminance(colour: list[int]) -> float:
        linear = [c / 12.92 if (c := part / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_every_colour_of_text_and_line_stands_out(palette: dict[str, str]) -> None:
    front = ["ink", "muted", "accent", *(f"run-{number}" for number in range(6))]
    for colour, back in itertools.product(front, ("paper", "raised")):
        assert contrast(channels(palette[colour]), channels(palette[back])) >= 4.5, (colour, back)
    assert contrast(channels(palette["ink"]), channels(palette["marked"])) >= 4.5
    high = int(re.search(r"HIGH = (\d+)", OURS[0])[1])  # type: ignore[index]
    for weight in range(101):
        pairs = zip(channels(palette["paper"]), channels(palette["heat"]), strict=True)
        cell = [round(low + (top - low) * weight / 100) for low, top in pairs]
        assert contrast(cell, channels(palette["on-high" if weight >= high else "on-low"])) >= 4.5, weight


def test_a_page_of_the_demo_names_no_folder_of_this_machine(page: str) -> None:
    assert str(Path.home()) not in page
    assert str(DATA.parent) not in page
