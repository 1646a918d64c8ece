"""Claims of the story hold exactly if the results support them. The results are made up here."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from translator.cli.story import story as command
from translator.evaluation.comparison import Difference, holm, paired_tests
from translator.evaluation.metrics import Score
from translator.jobs.story.chapters import CHAPTERS
from translator.jobs.story.story import Result, Story, differences_from_previous, speed_in_words

DIFFERENCES = {
    "better": Difference(2.0, 1.0, 3.0, 0.014),
    "worse": Difference(-2.0, -3.0, -1.0, 0.014),
    "alike": Difference(0.5, -1.0, 2.0, 1.0),
}
AS_WRITTEN = {
    **dict.fromkeys(("additive", "general", "scaled-dot", "scaled-dot-4-heads", "transformer"), "better"),
    **dict.fromkeys(("dot", "transformer-1-head", "learned-positions", "transformer-additive"), "alike"),
    **dict.fromkeys(("window", "linformer", "performer", "flash"), "alike"),
    "no-positions": "worse",
}
SPEEDS = {"dot": 4000.0, "transformer-1-head": 9000.0, "transformer": 9000.0, "window": 9400.0}
OPPOSITE = {"better": "alike", "alike": "worse", "worse": "alike"}


def story(outcomes: dict[str, str], *, speeds: Mapping[str, float] = {}, **first: Any) -> Story:
    """Return a story with these outcomes of the comparisons; `first` are results of the first two chapters."""
    results = {}
    for name in CHAPTERS:
        lengths = {"<10 words": 90.0, "10-17 words": 89.0, "25+ words": 88.5}
        if name == "fixed-vector":
            lengths = {"<10 words": 50.0, "10-17 words": 30.0, "25+ words": 10.0}
        result = Result(
            Score("BLEU", 89.0, 88.0, 90.0, ""), lengths, {"seen": 89.0, "unseen": 88.0}, "recurrent", 1_234_567,
            speeds.get(name, 3000.0), memory=812.3, error_rate=None if name == "fixed-vector" else 0.1,
            difference=DIFFERENCES[outcomes[name]] if name in outcomes else None,
        )  # fmt: skip
        results[name] = result._replace(**first) if name in ("fixed-vector", "additive") else result
    return Story(results, {"Search": "greedy"})


def claims(told: Story) -> dict[str, bool]:
    """Return the claims of the page, and whether it says that they hold."""
    pattern = r'<p class="claim"><strong>(.*?)</strong> (Holds|Does not hold) here: [^<]+\.</p>'
    return {statement: answer == "Holds" for statement, answer in re.findall(pattern, told.page())}


def test_all_claims_hold_for_the_results_of_the_papers() -> None:
    answers = claims(story(AS_WRITTEN, speeds=SPEEDS))
    assert all(answers.values()), answers
    assert len(answers) == 22


def test_no_claim_holds_for_opposite_results() -> None:
    outcomes = {name: OPPOSITE[outcome] for name, outcome in AS_WRITTEN.items()}
    speeds = {"window": 3200.0, "transformer-1-head": 3100.0, "transformer": 3000.0, "transformer-additive": 3000.0}
    rises = {"<10 words": 50.0, "10-17 words": 30.0, "25+ words": 40.0}
    opposite = {"by_length": rises, "by_kind": {"seen": 89.0, "unseen": 80.0}, "error_rate": 0.26}
    answers = claims(story(outcomes, speeds=speeds, **opposite))
    assert not any(answers.values()), answers


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_each_chapter_has_one_claim_that_depends_on_its_outcome(name: str) -> None:
    answers = claims(story({**AS_WRITTEN, name: OPPOSITE[AS_WRITTEN[name]]}, speeds=SPEEDS))
    assert sum(not holds for holds in answers.values()) == 1


def test_a_difference_is_called_significant_exactly_if_the_test_says_so() -> None:
    for p_value, words in ((0.049, "significant"), (0.05, "not significant")):
        told = story(AS_WRITTEN)
        told.results["dot"] = told.results["dot"]._replace(difference=Difference(-1.23, -2.0, -0.5, p_value))
        assert f"1.2 BLEU below additive, {words} (95 % interval -2.0 to -0.5" in told.summary("dot")


def test_too_few_differing_sentences_are_reported_instead_of_an_interval() -> None:
    told = story(AS_WRITTEN)
    difference = Difference(-0.2, -0.3, -0.1, None, "too few sentences differ to tell: 4 of 600")
    told.results["dot"] = told.results["dot"]._replace(difference=difference)
    assert "0.2 BLEU below additive (too few sentences differ to tell: 4 of 600)" in told.summary("dot")


def test_small_differences_of_speed_are_not_mentioned() -> None:
    assert [speed_in_words(ratio) for ratio in (2.0, 1.04, 0.96, 0.5)] == [
        "2.0 times as fast", "equally fast", "equally fast", "2.0 times slower"
    ]  # fmt: skip


def test_differences_from_the_previous_chapter_have_corrected_p_values() -> None:
    references = [f"the {word} man reads a book about the {word} sea" for word in "old new red big sad shy".split() * 3]
    texts = {"fixed-vector": ["the man reads"] * 18, "additive": references, "dot": [*references[:6], *["a man"] * 12]}
    differences = differences_from_previous(texts, [references])
    assert differences.keys() == {"additive", "dot"}
    gain, loss = differences["additive"], differences["dot"]
    assert gain.low <= gain.delta <= gain.high
    assert loss.low <= loss.delta <= loss.high
    assert gain.delta > 0 > loss.delta
    tests = [paired_tests([texts[worse], texts["additive"]], [references])[0] for worse in ("fixed-vector", "dot")]
    uncorrected = [test.p_value for test in tests if test.p_value is not None]
    assert [gain.p_value, loss.p_value] == holm(uncorrected) != uncorrected


class Page(HTMLParser):
    """The elements and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.names, self.links = list[str](), list[str](), list[str | None]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "link", "path", "rect", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_self_contained_and_shows_the_results() -> None:
    text = story(AS_WRITTEN, speeds=SPEEDS).page()
    page = Page(text)
    assert page.open == []
    assert page.links == ["data:,"]
    assert "script" not in page.names
    for cell in ("1,234,567", "89.0 [88.0, 90.0]", "812 MB", "9,400", "--set model.positions=none", "greedy"):
        assert cell in text
    assert page.names.count("rect") == 2 * len(CHAPTERS)


def test_unknown_memory_is_left_out() -> None:
    told = story(AS_WRITTEN)
    for name, result in told.results.items():
        told.results[name] = result._replace(memory=None)
    assert Page(told.page()).names.count("rect") == len(CHAPTERS)
    assert "MB" not in told.markdown()


def test_the_table_has_one_row_per_chapter_and_one_cell_per_column() -> None:
    told = story(AS_WRITTEN, speeds=SPEEDS)
    lines = [line for line in told.markdown().splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name in CHAPTERS]
    assert {line.count("|") for line in lines} == {len(told.columns) + 2}
    assert told.markdown().splitlines()[-1] == "- Search: greedy"


def test_the_command_prints_the_table_and_writes_it_with_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = story(AS_WRITTEN, speeds=SPEEDS)
    monkeypatch.setattr("translator.jobs.story.chapters.train_chapters", lambda planned, root, **_: [])
    monkeypatch.setattr("translator.jobs.story.story.measure", lambda planned, runs, **_: told)
    command(output=tmp_path, device="cpu")
    assert capsys.readouterr().out == (tmp_path / "story.md").read_text() == f"{told.markdown()}\n"
    assert (tmp_path / "story.html").read_text() == f"{told.page()}\n"
