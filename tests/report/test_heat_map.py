"""Heat maps in a terminal keep to its width, contain only text, and show the weights."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.report.heat_map import HeatMap, Sheet, width_of

HOSTILE = [
    "\x1b[2J",
    "[red]x[/]",
    ":smile:",
    "狗和猫",
    "e\u0301le\u0300ve",
    "a\tb\nc",
    "\u202egnp",
    "x" * 500,
    "\u0301" * 300,
    "",
]


def picture(rows: list[str], columns: list[str], weight: float = 0.0, *, num_maps: int = 1, per_row: int = 1) -> Sheet:
    """Return a single map, or small ones."""
    weights = np.full((len(rows), len(columns)), weight)
    small = [HeatMap(weights, rows, columns, f"layer 1, head {number}") for number in range(num_maps)]
    return Sheet("layer 2 of 3", small if num_maps > 1 else [HeatMap(weights, rows, columns)], per_row)


@given(
    rows=st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), max_size=6),
    columns=st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), max_size=90),
    width=st.integers(20, 120),
    num_maps=st.integers(1, 9),
    per_row=st.integers(1, 9),
)
def test_no_line_is_too_wide_or_has_a_control_character(
    rows: list[str], columns: list[str], width: int, num_maps: int, per_row: int
) -> None:
    for line in picture(rows, columns, num_maps=num_maps, per_row=per_row).draw(width, "a caption"):
        assert width_of([line]) <= width
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", line)


def test_every_weight_is_drawn_once_by_its_shade_in_any_number_of_panels() -> None:
    weight = np.random.default_rng(2).random((3, 100))
    lines = Sheet("", [HeatMap(weight, ["x", "y", "z"], ["w"] * 100)]).draw(80, "")
    for row, word in enumerate("xyz"):
        drawn = "".join(line.split(" ", 1)[1] for line in lines if line.startswith(f"{word} "))
        shades = [drawn[place : place + 2] for place in range(0, 200, 2)]
        order = sorted(zip(weight[row], (" ·░░▒▒▓▓██".index(shade) for shade in shades), strict=True))
        assert [shade for _, shade in order] == sorted(shade for _, shade in order)
        assert shades.count("██") == (weight[row] >= 0.75).sum()


def test_words_are_above_their_cells() -> None:
    lines = Sheet("", [HeatMap(np.eye(2), ["Hund", "schläft"], ["dog", "狗Ａ"])]).draw(80, "")
    assert lines[1:6] == ["         d", "         o狗", "         gＡ", "   Hund ██ ·", "schläft  ·██"]


@pytest.mark.parametrize(
    ("word", "seen"), [("\x1b[2J", "\\x1b[2J"), ("[red]x[/]", "[red]x[/]"), (":smile:", ":smile:")]
)
def test_words_are_never_markup(word: str, seen: str) -> None:
    assert f"{seen}  ·" in picture([word], ["a"]).draw(80, "")


def test_small_maps_are_side_by_side_with_the_words_once_per_row() -> None:
    maps = [
        HeatMap(np.eye(2) * number / 4, ["Hund", "schläft"], ["dog", "a"], f"head {number}") for number in (1, 2, 3, 4)
    ]
    assert Sheet("layer 1", maps, 4).draw(31) == [
        "layer 1",
        "",
        "        head 1  head 2",
        "        d       d",
        "        o       o",
        "        ga      ga",
        "   Hund ▒·      ▓·",
        "schläft ·▒      ·▓",
        "",
        "        head 3  head 4",
        "        d       d",
        "        o       o",
        "        ga      ga",
        "   Hund █·      █·",
        "schläft ·█      ·█",
    ]


@pytest.mark.parametrize(("fitting", "expected"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (9, 4)])
def test_the_heads_of_a_layer_are_in_rows_of_equal_length(fitting: int, expected: int) -> None:
    assert Sheet("", [], 4).balanced(fitting) == expected
