"""Pages without a browser: data is never markup or code, nothing is loaded, and every colour has enough contrast."""

import itertools
import json
import re

import pytest
from hypothesis import given, settings

from tests.faults.strings import TEXTS
from tests.report.example import HOSTILE, demo_pairs, example_page, hostile_pairs
from tests.report.parsed import Parsed
from translator.report.page import FOLDER, json_block, shown, source_hash
from translator.text.visible import CONTROL

NAMES = ["demo-additive", "demo"]
OURS = (FOLDER / "map.js").read_text() + (FOLDER / "page.js").read_text(), (FOLDER / "style.css").read_text()


@pytest.fixture(scope="module")
def page() -> str:
    return example_page(demo_pairs(30), NAMES)


@pytest.fixture(scope="module")
def hostile() -> str:
    return example_page(hostile_pairs(), [HOSTILE[0], HOSTILE[5]])


def test_hostile_text_never_becomes_markup(hostile: str) -> None:
    harmless, parsed = Parsed(example_page([("a", "b", "c")] * len(HOSTILE), NAMES)), Parsed(hostile)
    assert {tag for tag, _ in parsed.elements} <= {tag for tag, _ in harmless.elements}
    assert sum(tag == "script" for tag, _ in parsed.elements) == 2
    assert not any(name.startswith("on") or name == "style" for _, attrs in parsed.elements for name in attrs)
    assert not CONTROL.search(hostile)
    sentences = parsed.data["sentences"]
    assert [sentence["source"] for sentence in sentences] == [shown(text) for text in HOSTILE]  # type: ignore[attr-defined]
    assert HOSTILE[0] in "".join(parsed.text_of("li"))
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
    for tag, attrs in Parsed(request.getfixturevalue(which)).elements:
        assert not {"src", "srcset", "data", "action", "poster", "background"} & attrs.keys(), tag
        assert (attrs.get("href") or "#").startswith(("#", "data:,"))
    for text in OURS:
        assert not re.search(r"https?:|url\(|@import|fetch|innerHTML|insertAdjacent|document\.write|eval", text)


def palettes() -> list[dict[str, str]]:
    """The colours by name, in the light and the dark scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", OURS[1], re.DOTALL)
    first = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    return [first, {**first, **dict(re.findall(r"--([\w-]+): (#\w{6})", dark))}]


def channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def contrast(first: list[int], second: list[int]) -> float:
    """Web Content Accessibility Guidelines 2.1, "contrast ratio"."""

    def luminance(colour: list[int]) -> float:
        linear = [c / 12.92 if (c := part / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_every_colour_of_text_and_lines_has_enough_contrast(palette: dict[str, str]) -> None:
    front = ["ink", "muted", "accent", *(f"run-{number}" for number in range(6))]
    for colour, back in itertools.product(front, ("paper", "raised")):
        assert contrast(channels(palette[colour]), channels(palette[back])) >= 4.5, (colour, back)
    assert contrast(channels(palette["ink"]), channels(palette["marked"])) >= 4.5
    high = int(re.search(r"HIGH = (\d+)", OURS[0])[1])  # type: ignore[index]
    for weight in range(101):
        pairs = zip(channels(palette["paper"]), channels(palette["heat"]), strict=True)
        cell = [round(low + (top - low) * weight / 100) for low, top in pairs]
        assert contrast(cell, channels(palette["on-high" if weight >= high else "on-low"])) >= 4.5, weight
