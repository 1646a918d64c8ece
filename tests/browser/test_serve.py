"""The page of `translator serve` in Chromium: a visitor types and sees the translation and where the model attended."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.test_report import CHROMIUM, OPTIONS, sync_api

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

from tests.jobs.serve.conftest import Shouter  # noqa: E402
from translator.decoding.settings import DecodingSettings  # noqa: E402
from translator.evaluation.alignment import Words  # noqa: E402
from translator.jobs.inspect.attention import AttentionMap  # noqa: E402
from translator.jobs.inspect.views import View  # noqa: E402
from translator.jobs.serve.app import Limits, Service  # noqa: E402
from translator.jobs.serve.server import address_of, listen, new_server  # noqa: E402

HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script> &amp; [x](y) \u202e"


class DiagonalViewer:
    """In place of an `AttentionViewer`: each word attends to the word in its place."""

    view = View(1, 2, None, 4, "a test")

    def view_translations(self, translations: list[Any]) -> list[AttentionMap | None]:
        maps: list[AttentionMap | None] = []
        for source, candidate in translations:
            sides = [Words.of([f"▁{word}" for word in text.split()] + ["</s>"]) for text in (source, candidate.text)]
            weight_TS = np.full((len(sides[1].tokens), len(sides[0].tokens)), 0.1 / len(sides[0].tokens))
            np.fill_diagonal(weight_TS, 0.9)
            maps.append(AttentionMap(*sides, weight_TS, self.view, 0) if source.strip() else None)
        return maps


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    from threading import Thread

    listener, limits = listen("127.0.0.1", 0), Limits()
    model: Any = Shouter()
    viewer: Any = DiagonalViewer()
    server = new_server(Service(model, viewer, DecodingSettings(), name="demo", limits=limits), listener, limits)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield address_of(listener)
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield found
        found.close()


class Visit:
    """The open page, and what must not happen on it."""

    def __init__(self, browser: Any, url: str, *, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page, self.faults, self.requests = self.context.new_page(), [], []  # type: ignore[var-annotated]
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = url
        self.page.goto(url)

    def translate(self, text: str) -> list[str]:
        """Type a text and return the translations."""
        self.page.locator("#source").fill(text)
        self.page.locator("#go").click()
        self.page.locator("#status", has_text=" s").wait_for()
        return self.page.locator(".output .text").all_text_contents()  # type: ignore[no-any-return]

    def close(self) -> None:
        assert self.faults == []
        assert {url for url in self.requests if not url.startswith("data:")} <= {
            f"{self.url}/",
            f"{self.url}/translate",
        }
        self.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_visitor_sees_translations_and_attention(browser: Any, url: str, width: int, scheme: str) -> None:
    visit = Visit(browser, url, width=width, scheme=scheme)
    long = "a sentence of quite a few words that somebody might want to have translated on a small screen"
    assert visit.translate(f"The old man reads.\n\n{long}") == ["THE OLD MAN READS.", long.upper()]
    assert visit.page.locator("#map thead th").all_text_contents() == ["The", "old", "man", "reads.", "</s>"]
    rows = visit.page.locator("#map tbody tr").all_text_contents()
    assert rows[:2] == ["THE902222", "OLD290222"]
    visit.page.locator(".output").nth(1).focus()
    assert visit.page.locator("#map tbody tr").count() == len(long.split()) + 1
    assert "layer 1 of 2" in visit.page.locator("#map figcaption").inner_text()
    wide = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(exist_ok=True)
        visit.page.screenshot(path=f"{folder}/serve-{width}-{scheme}.png", full_page=True)
    visit.close()


def test_hostile_text_is_shown_and_not_obeyed(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    assert visit.translate(HOSTILE) == [HOSTILE.upper()]
    assert visit.page.locator("img, iframe, #sentences script, #map script").count() == 0
    visit.close()


def test_an_error_is_shown_and_the_next_sentence_is_translated(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    visit.page.locator("#source").fill("too long")
    visit.page.keyboard.press("Enter")
    visit.page.locator("#status", has_text="Not translated: model: the sentence is too long").wait_for()
    assert visit.faults == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]
    visit.faults.clear()
    assert visit.translate("a dog") == ["A DOG"]
    visit.close()


def test_without_scripts_the_page_says_what_it_needs(browser: Any, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    assert "Translating needs a script" in page.locator("noscript").inner_text()
    context.close()
