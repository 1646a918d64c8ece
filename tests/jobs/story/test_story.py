"""The story says what its figures say, and what does not hold is said not to hold; figures here are made up."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

from translator.cli.story import story as command
from translator.evaluation.comparison import Difference, holm, paired_tests
from translator.evaluation.metrics import Score
from translator.jobs.story.chapters import LADDER
from translator.jobs.story.story import Figures, Story, all_steps, times
from translator.jobs.translate.translator import Candidate

STEPS = {
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
OTHERWISE = {"better": "alike", "alike": "worse", "worse": "alike"}


def story(outcomes: dict[str, str], *, speeds: Mapping[str, float] = {}, **first: object) -> Story:
    """Figures with these outcomes of the steps; `first` are those of the first two rungs."""
    figures = {}
    for name in LADDER:
        lengths = {"<10 words": 90.0, "10-17 words": 89.0, "25+ words": 88.5}
        if name == "fixed-vector":
            lengths = {"<10 words": 50.0, "10-17 words": 30.0, "25+ words": 10.0}
        one = Figures(
            Score("BLEU", 89.0, 88.0, 90.0, ""), lengths, {"seen": 89.0, "unseen": 88.0}, "recurrent", 1_234_567,
            speeds.get(name, 3000.0), memory=812.3, error_rate=None if name == "fixed-vector" else 0.1,
            step=STEPS[outcomes[name]] if name in outcomes else None,
        )  # fmt: skip
        figures[name] = one._replace(**first) if name in ("fixed-vector", "additive") else one
    return Story(figures, {"Search": "greedy"})


def claims(found: Story) -> dict[str, bool]:
    """What the page claims, and whether it says that it holds."""
    said = re.findall(r'<p class="claim"><strong>(.*?)</strong> (Holds|Does not hold) here: [^<]+\.</p>', found.page())
    return {statement: answer == "Holds" for statement, answer in said}


def test_all_claims_hold_where_the_figures_are_those_of_the_papers() -> None:
    found = claims(story(AS_WRITTEN, speeds=SPEEDS))
    assert all(found.values()), found
    assert len(found) == 22


def test_no_claim_holds_where_all_figures_say_otherwise() -> None:
    outcomes = {name: OTHERWISE[outcome] for name, outcome in AS_WRITTEN.items()}
    speeds = {"window": 3200.0, "transformer-1-head": 3100.0, "transformer": 3000.0, "transformer-additive": 3000.0}
    rises = {"<10 words": 50.0, "10-17 words": 30.0, "25+ words": 40.0}
    turned = {"by_length": rises, "by_kind": {"seen": 89.0, "unseen": 80.0}, "error_rate": 0.26}
    found = claims(story(outcomes, speeds=speeds, **turned))
    assert not any(found.values()), found


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_each_step_has_one_claim_that_turns_with_it(name: str) -> None:
    found = claims(story({**AS_WRITTEN, name: OTHERWISE[AS_WRITTEN[name]]}, speeds=SPEEDS))
    assert sum(not holds for holds in found.values()) == 1


def test_a_difference_is_called_luck_exactly_where_the_test_says_so() -> None:
    for p_value, words in ((0.049, "more than luck"), (0.05, "which may be luck")):
        found = story(AS_WRITTEN)
        found.figures["dot"] = found.figures["dot"]._replace(step=Difference(-1.23, -2.0, -0.5, p_value))
        assert f"1.2 BLEU below additive, {words} (95 % interval -2.0 to -0.5" in found.brought("dot")


def test_speed_is_said_in_words_that_a_busy_machine_does_not_turn() -> None:
    assert [times(ratio) for ratio in (2.0, 1.04, 0.96, 0.5)] == [
        "2.0 times as fast", "as fast", "as fast", "2.0 times as slowly"
    ]  # fmt: skip


def test_a_step_has_the_sign_of_its_gain_and_a_p_value_corrected_for_all_steps() -> None:
    references = [f"the {word} man reads a book about the {word} sea" for word in "old new red big sad shy".split()]
    texts = {"fixed-vector": ["the man reads"] * 6, "additive": references, "dot": [*references[:4], "a man", "a book"]}

    class Translated:
        def __init__(self, hypotheses: list[str]) -> None:
            self.best = [Candidate(text, 0.0, 0.0, True, ()) for text in hypotheses]
            self.hypotheses = hypotheses

    steps = all_steps({name: Translated(text) for name, text in texts.items()}, references)  # type: ignore[misc]
    up, down = steps["additive"], steps["dot"]
    assert up.low <= up.delta <= up.high
    assert down.low <= down.delta <= down.high
    assert up.delta > 0 > down.delta
    alone = [
        paired_tests([texts[worse], texts["additive"]], references)[0].p_value for worse in ("fixed-vector", "dot")
    ]
    assert [up.p_value, down.p_value] == holm(alone) != alone


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.names, self.links = [], [], []
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


def test_the_page_is_one_whole_file_that_carries_the_figures() -> None:
    found = story(AS_WRITTEN, speeds=SPEEDS)
    text = found.page()
    page = Page(text)
    assert page.open == []
    assert page.links == ["data:,"]
    assert "script" not in page.names
    for cell in ("1,234,567", "89.0 [88.0, 90.0]", "812 MB", "9,400", "--set model.positions=none", "greedy"):
        assert cell in text
    assert page.names.count("rect") == 2 * len(LADDER)


def test_what_nobody_noted_stays_empty() -> None:
    found = story(AS_WRITTEN)
    for name, one in found.figures.items():
        found.figures[name] = one._replace(memory=None)
    assert Page(found.page()).names.count("rect") == len(LADDER)
    assert "MB" not in found.markdown()


def test_the_table_has_a_row_a_rung_and_a_cell_a_column() -> None:
    found = story(AS_WRITTEN, speeds=SPEEDS)
    lines = [line for line in found.markdown().splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name in LADDER]
    assert {line.count("|") for line in lines} == {len(found.columns) + 2}
    assert found.markdown().splitlines()[-1].strip() == "Search: greedy"


def test_the_command_prints_the_table_and_writes_it_beside_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = story(AS_WRITTEN, speeds=SPEEDS)
    monkeypatch.setattr("translator.jobs.story.chapters.climb", lambda plans, root, **_: [])
    monkeypatch.setattr("translator.jobs.story.story.measure", lambda plans, runs, **_: found)
    command(output=tmp_path, device="cpu")
    assert capsys.readouterr().out == (tmp_path / "story.md").read_text() == f"{found.markdown()}\n"
    assert (tmp_path / "story.html").read_text() == f"{found.page()}\n"
