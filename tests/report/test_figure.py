"""Heat maps as files contain all words as text and nothing that a word could inject."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tests.report.test_heat_map import HOSTILE
from translator.errors import MachineError
from translator.report import figure
from translator.report.figure import save_figure
from translator.report.heat_map import HeatMap, Sheet

pytest.importorskip("matplotlib", reason="needs the library: pip install matplotlib")
WORDS = [*HOSTILE, "$x^2$", "<b>&amp;", "\\frac{1}{2}", "\ufffe"]


def heat_map(words: list[str] = WORDS) -> Sheet:
    return Sheet("layer 2 of 3", [HeatMap(np.eye(len(words)), words, words)])


def texts(path: Path) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_an_svg_contains_every_word_as_text_with_title_and_caption(tmp_path: Path) -> None:
    save_figure([heat_map(), heat_map()], "not why", tmp_path / "a.svg")
    shown = texts(tmp_path / "a.svg")
    for word in ("$x^2$", "<b>&amp;", "[red]x[/]", "\\x1b[2J", "狗和猫", "\\frac{1}{2}"):
        assert shown.count(word) == 4
    assert (shown.count("layer 2 of 3"), shown.count("not why")) == (2, 1)


def test_the_same_picture_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        save_figure([heat_map()], "not why", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    for suffix in ("png", "svg"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_a_very_long_sentence_does_not_exceed_the_largest_picture() -> None:
    drawn = figure._draw_figure([Sheet("", [HeatMap(np.zeros((300, 100)), ["x"] * 300, ["y"] * 100)])], "")
    assert max(drawn.get_size_inches()) <= figure.MAX_INCHES + 1e-6


@pytest.mark.parametrize("broken", ["translator.report.figure._draw_figure", "translator.storage.files.os.fsync"])
def test_a_failure_leaves_the_old_file(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_text("before")
    monkeypatch.setattr(broken, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_figure([heat_map()], "", tmp_path / "a.png")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.png", "before")]


def test_an_error_says_how_to_install_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure, "find_spec", lambda _: None)
    with pytest.raises(MachineError, match=r"pip install matplotlib"):
        figure.require_matplotlib()


def test_characters_that_the_font_lacks_are_one_warning_for_a_png(tmp_path: Path) -> None:
    warning = save_figure([heat_map(["狗", "猫", "\U00012000"])], "", tmp_path / "a.png")
    assert str(warning).startswith(f"{tmp_path / 'a.png'}: matplotlib's font lacks some characters")
    assert save_figure([heat_map(["狗"])], "", tmp_path / "a.svg") is None
    assert save_figure([heat_map(["Straße", "мир"])], "", tmp_path / "b.png") is None


@pytest.mark.parametrize(("num_words", "per_row"), [(5, 8), (14, 4), (25, 2), (60, 1)])
def test_small_maps_fill_a_page_as_long_as_their_words_can_be_read(num_words: int, per_row: int) -> None:
    words = [f"word{number}" for number in range(num_words)]
    small = [HeatMap(np.eye(num_words), words, words, f"layer 1, head {number}") for number in range(8)]
    drawn = figure._draw_figure([Sheet("all heads", small, 8)], "")
    maps = [axes for axes in drawn.axes if axes.get_title(loc="left")]  # the others are the colour bar
    assert [axes.get_title(loc="left") for axes in maps] == [f"layer 1, head {number}" for number in range(8)]
    assert sum(axes.get_position().y0 == maps[0].get_position().y0 for axes in maps) == per_row
    labels = [[label.get_text() for label in axes.get_yticklabels()] for axes in maps[:per_row]]
    assert labels == [words, *[[""] * num_words] * (per_row - 1)]


def test_words_that_are_written_from_right_to_left_are_in_that_order() -> None:
    def is_inverted(columns: list[str]) -> bool:
        drawn = figure._draw_figure([Sheet("", [HeatMap(np.eye(3), ["a", "b", "c"], columns)])], "")
        return bool(drawn.axes[0].xaxis_inverted())

    assert is_inverted(["האיש", "קורא", "</s>"])
    assert is_inverted(["الرجل", "يقرأ", "</s>"])
    assert not is_inverted(["der", "Mann", "</s>"])
