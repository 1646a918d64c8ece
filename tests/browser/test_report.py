"""The page in Chromium, opened from a file: it works, it loads nothing, and it shows what its data say.

Screenshots of each width and colour scheme go to the folder that SCREENSHOTS names, to be looked at.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.example import HOSTILE, demo_pairs, example_page, hostile_pairs, unpacked
from tests.report.parsed import Parsed
from translator.report.page import shown

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the library: pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NAMES = ["demo-additive", "demo", "demo-fixed-vector"]
SIZE = 45


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of three runs, a hostile one, and a large one."""
    folder = tmp_path_factory.mktemp("pages")
    pages = {
        "demo": example_page(demo_pairs(SIZE), NAMES),
        "hostile": example_page(hostile_pairs(), HOSTILE[:2]),
        "large": example_page(demo_pairs(1000), NAMES[:2]),
    }
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


class Visit:
    """An open page, and what must not happen on it."""

    def __init__(self, browser: sync_api.Browser, file: Path, *, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        self.page, self.faults, self.requests = self.context.new_page(), [], []  # type: ignore[var-annotated]
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.data = Parsed(file.read_text(encoding="utf-8")).data
        self.home = file.as_uri()

    def numbers(self) -> list[int]:
        """Of the sentences that are listed."""
        return [int(text.split()[1]) for text in self.page.locator(".about").all_inner_texts()]

    def sort(self, order: str) -> list[int]:
        self.page.locator("#sort").select_option(label=order)
        return self.numbers()

    def sentence(self, number: int) -> dict[str, object]:
        return self.data["sentences"][number - 1]  # type: ignore[index, no-any-return]

    def weights(self) -> list[list[int]]:
        """What the heat map says."""
        rows = self.page.locator("#map tbody tr")
        return rows.evaluate_all(
            "rows => rows.map(row => [...row.cells].slice(1).map(cell => Number(cell.textContent)))"
        )  # type: ignore[no-any-return]

    def close(self) -> None:
        """Check that there were no console errors and no requests but for the file itself."""
        assert self.faults == []
        assert [url for url in self.requests if not url.startswith("data:")] == [self.home]
        self.context.close()


@pytest.fixture
def visit(browser: sync_api.Browser, files: dict[str, Path]) -> Iterator[Visit]:
    visit = Visit(browser, files["demo"])
    yield visit
    visit.close()


SIDES = {"cross": ("target", "source"), "encoder": ("source", "source"), "decoder": ("target", "previous")}


def weights_of(visit: Visit, sentence: dict[str, object], run: int, number: int | None = None) -> list[list[int]]:
    """Return the weights of a view, by default the default view, as the data have them."""
    seen, of_run = sentence["outputs"][run]["attention"], visit.data["runs"][run]  # type: ignore[index]
    flat, begin = unpacked(seen["weights"]), 0
    for place, view in enumerate(of_run["views"]):
        height, width = (len(seen[side].split(" ")) for side in SIDES[view["kind"]])
        if place == (of_run["default"] if number is None else number):
            return [flat[first : first + width] for first in range(begin, begin + height * width, width)]
        begin += height * width
    raise AssertionError(number)


def text_of(sentence: dict[str, object]) -> str:
    """Return all that a search looks through."""
    texts = [sentence["reference"], *(output["words"] for output in sentence["outputs"])]  # type: ignore[attr-defined]
    return " ".join([str(sentence["source"]), str(sentence["kind"]), *map("".join, texts)])  # type: ignore[arg-type]


def item_of(visit: Visit, number: int) -> sync_api.Locator:
    """Return the item of a sentence on the current page of the list."""
    return visit.page.locator("#sentences > li").nth(visit.numbers().index(number))


def test_search_lists_the_sentences_that_contain_the_text(visit: Visit) -> None:
    assert visit.sort("number") == list(range(1, 21))
    visit.page.locator("#search").fill("HUNGRY")
    everything = [(sentence["number"], text_of(sentence).lower()) for sentence in visit.data["sentences"]]  # type: ignore[attr-defined]
    assert visit.numbers() == [number for number, text in everything if "hungry" in text][:20] != []
    visit.page.locator("#search").fill("no such word anywhere")
    assert (visit.numbers(), visit.page.locator("#status").inner_text()) == ([], "no sentence matches")


def test_each_order_sorts_by_what_it_says(visit: Visit) -> None:
    sentences = visit.data["sentences"]

    def by(key: object) -> list[int]:
        return [sentence["number"] for sentence in sorted(sentences, key=key)][:20]  # type: ignore[call-overload]

    def scores(one: dict[str, object]) -> list[float]:
        return [output["score"] for output in one["outputs"]]  # type: ignore[attr-defined]

    assert visit.numbers() == by(lambda one: min(scores(one)) - max(scores(one)))
    assert visit.sort("shortest source") == by(lambda one: one["length"])
    assert visit.sort("longest source") == by(lambda one: -one["length"])
    assert visit.sort("demo: lowest BLEU") == by(lambda one: scores(one)[1])
    assert visit.sort("largest difference of BLEU") == by(lambda one: min(scores(one)) - max(scores(one)))
    assert visit.sort("demo: furthest ahead") == by(lambda one: max(scores(one)[::2]) - scores(one)[1])
    assert visit.sort("number") == list(range(1, 21))


def test_pages_are_turned_to_the_end_and_back(visit: Visit) -> None:
    forward, back = visit.page.locator(".next").last, visit.page.locator(".previous").first
    visit.sort("number")
    assert back.is_disabled()
    forward.click()
    forward.click()
    assert visit.numbers() == list(range(41, SIZE + 1))
    assert forward.is_disabled()
    back.click()
    assert visit.numbers() == list(range(21, 41))


@pytest.mark.parametrize("how", ["hover", "focus"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pointing_at_a_translation_shows_its_weights(
    browser: sync_api.Browser, files: dict[str, Path], how: str, width: int
) -> None:
    visit = Visit(browser, files["demo"], width=width)
    visit.sort("number")
    for number, run in ((3, 0), (5, 1)):
        getattr(visit.page.locator("#sentences > li").nth(number - 1).locator(".output").nth(run), how)()
        assert visit.weights() == weights_of(visit, visit.sentence(number), run)
        words = visit.sentence(number)["outputs"][run]["attention"]["target"].split(" ")  # type: ignore[index]
        assert visit.page.locator("#map tbody th").all_inner_texts() == words
        assert f"{NAMES[run]}, sentence {number}" in visit.page.locator("#map figcaption").inner_text()
    visit.page.locator("#sentences > li").nth(2).locator(".output").nth(2).focus()
    assert "it has no weights over words" in visit.page.locator("#map figcaption").inner_text()
    visit.close()


def test_the_heaviest_cell_is_the_darkest_and_its_number_can_be_read(visit: Visit) -> None:
    visit.page.locator(".output").first.focus()
    cells = visit.page.locator("#map td").evaluate_all(
        "cells => cells.filter(cell => cell.textContent)"
        ".map(cell => [Number(cell.textContent), getComputedStyle(cell).backgroundColor])"
    )
    shades = {
        weight: sum(float(part) for part in colour.split("(")[1].rstrip(")").replace("srgb", "").split()[:3])
        for weight, colour in cells
    }
    assert sorted(shades, key=shades.__getitem__, reverse=True) == sorted(shades)


def test_words_that_differ_are_marked(visit: Visit) -> None:
    for number in visit.numbers():
        texts = ["".join(output["words"]) for output in visit.sentence(number)["outputs"]]  # type: ignore[attr-defined]
        item = item_of(visit, number)
        assert item.locator(".output .text").all_text_contents() == texts
        assert bool(item.locator("mark").count()) == (len(set(texts)) > 1)


def test_everything_is_reached_by_the_keyboard(visit: Visit) -> None:
    reached = []
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        reached.append(
            visit.page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    for wanted in ("A", "SUMMARY", "search", "sort", "next"):
        assert wanted in reached
    assert sum(name.startswith("output") for name in reached) > 5
    assert visit.page.locator("#map").is_visible()


def test_hostile_text_is_shown_and_not_obeyed(browser: sync_api.Browser, files: dict[str, Path]) -> None:
    visit = Visit(browser, files["hostile"])
    visit.sort("number")
    sources = visit.page.locator("#sentences > li > p:nth-child(2) .text").all_text_contents()
    assert sources == [shown(text) for text in HOSTILE]
    for output in visit.page.locator(".output").all():
        output.focus()
    assert visit.page.locator("img, iframe, object, embed, link:not([rel=icon]), script:not(#data)").count() == 1
    assert visit.page.evaluate("document.title").count("<script>") == 1
    visit.close()


def test_a_thousand_sentences_are_quick(browser: sync_api.Browser, files: dict[str, Path]) -> None:
    visit = Visit(browser, files["large"])
    seconds = visit.page.evaluate(
        "() => { const began = performance.now(); sort.value = 0; sort.dispatchEvent(new Event('change'));"
        " return (performance.now() - began) / 1000; }"
    )
    assert seconds < 2
    assert visit.page.locator("#sentences > li").count() == 20
    visit.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["demo", "hostile"])
def test_the_page_never_scrolls_sideways(
    browser: sync_api.Browser, files: dict[str, Path], name: str, width: int
) -> None:
    visit = Visit(browser, files[name], width=width)
    visit.page.locator(".output").nth(2).focus()
    wide = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]
    if name == "demo":
        scrolling = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)"
        scrolling += ".map(box => [box.ariaLabel, box.id, box.scrollWidth, box.clientWidth])"
        assert visit.page.evaluate(scrolling) == []
    visit.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_kind_layer_and_head_are_chosen_with_the_keyboard(
    browser: sync_api.Browser, files: dict[str, Path], width: int
) -> None:
    visit = Visit(browser, files["demo"], width=width)
    number = visit.numbers()[2]
    item_of(visit, number).locator(".output").nth(1).focus()
    views = visit.data["runs"][1]["views"]  # type: ignore[index]
    visit.page.keyboard.press("Enter")
    for kind, layer, head in (("encoder", 1, 2), ("decoder", 1, None), ("cross", 2, 1)):
        for name, value in (("kind", kind), ("layer", layer), ("head", head)):
            chosen = visit.page.locator(f"#{name}")
            if chosen.is_enabled():
                chosen.select_option("null" if value is None else str(value))
        place = next(
            place
            for place, view in enumerate(views)
            if (view["kind"], view["layer"], view["head"]) == (kind, layer, head)
        )
        assert visit.weights() == weights_of(visit, visit.sentence(number), 1, place)
        assert views[place]["title"] in visit.page.locator("#map figcaption").inner_text()
    visit.page.locator("#kind").focus()
    for key in ("ArrowDown", "Enter"):  # opens the list at the next entry, and takes it
        visit.page.keyboard.press(key)
    visit.page.locator("#caption", has_text="encoder self-attention").wait_for()
    assert visit.page.evaluate("document.activeElement.id") == "kind"
    visit.page.keyboard.press("Escape")
    assert "output" in visit.page.evaluate("document.activeElement.className")
    item_of(visit, visit.numbers()[3]).locator(".output").nth(0).focus()
    assert "encoder self-attention" in visit.page.locator("#map figcaption").inner_text()
    visit.close()


@pytest.mark.parametrize("how", ["hover", "tap", "Enter"])
def test_a_metric_is_explained_beside_its_name(browser: sync_api.Browser, files: dict[str, Path], how: str) -> None:
    visit = Visit(browser, files["demo"], width=390 if how == "tap" else 1280)
    term = visit.page.locator(".term:visible", has_text="chrF2").first
    note = visit.page.locator(f"#{term.get_attribute('popovertarget')}")
    assert not note.is_visible()
    if how == "hover":
        term.hover()
    elif how == "tap":
        term.click()
    else:
        term.focus()
        visit.page.keyboard.press("Enter")
    assert note.is_visible()
    assert "higher is better" in note.inner_text()
    name, box = term.bounding_box(), note.bounding_box()
    assert name is not None
    assert box is not None
    assert 0 <= box["y"] - name["y"] < 60
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= visit.page.viewport_size["width"]  # type: ignore[index]
    visit.page.keyboard.press("Escape")
    assert not note.is_visible()
    visit.close()


def test_on_a_phone_every_figure_of_a_table_has_its_name(browser: sync_api.Browser, files: dict[str, Path]) -> None:
    visit = Visit(browser, files["demo"], width=390)
    row = visit.page.locator("#scores ~ .scroll tbody tr").first
    assert row.locator(".heading").all_inner_texts() == ["BLEU", "BLEU below the best", "BLEU lc", "chrF2", "TER"]
    assert not visit.page.locator("#scores ~ .scroll thead").first.is_visible()
    visit.close()


def test_words_of_a_script_without_spaces_are_marked_one_by_one(browser: sync_api.Browser, tmp_path: Path) -> None:
    (tmp_path / "chinese.html").write_text(
        example_page([("a dog", "我们 爱狗。", "a")] * 3, NAMES[:1]), encoding="utf-8"
    )
    page = (tmp_path / "chinese.html").read_text(encoding="utf-8")
    (tmp_path / "chinese.html").write_text(re.sub(r'"words":\[[^]]*]', '"words":["我","们 ","爱","猫","。"]', page))
    visit = Visit(browser, tmp_path / "chinese.html")
    assert visit.page.locator("#sentences > li").first.locator("mark").all_text_contents() == ["猫"]
    visit.close()


def test_right_to_left_words_are_above_the_columns_from_the_right(browser: sync_api.Browser, tmp_path: Path) -> None:
    (tmp_path / "hebrew.html").write_text(
        example_page([("האיש קורא", "Der Mann liest", "a")], NAMES[:1]), encoding="utf-8"
    )
    visit = Visit(browser, tmp_path / "hebrew.html")
    visit.page.locator(".output").first.focus()
    first, second = (visit.page.locator("#map thead th").nth(place).bounding_box() for place in (0, 1))
    assert first is not None
    assert second is not None
    assert first["x"] > second["x"]
    visit.close()


def test_without_scripts_the_tables_and_charts_are_there(browser: sync_api.Browser, files: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["demo"].as_uri())
    assert page.locator("h2 + .scroll table").first.is_visible()
    assert page.locator(".chart svg").count() == 8
    assert "disabled" in page.locator("noscript").inner_text()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_both_colour_schemes_have_their_own_background(
    browser: sync_api.Browser, files: dict[str, Path], width: int, scheme: str
) -> None:
    visit = Visit(browser, files["demo"], width=width, scheme=scheme)
    visit.page.locator(".output").nth(4).focus()
    paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(exist_ok=True)
        visit.page.screenshot(path=f"{folder}/report-{width}-{scheme}.png")
        visit.page.screenshot(path=f"{folder}/report-{width}-{scheme}-whole.png", full_page=True)
    visit.close()
