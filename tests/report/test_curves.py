"""Curves keep what matters in little memory, and are drawn where their values are."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color

from translator.report.curves import COLOURS, LABEL_WIDTH, MARKS, MOST_POINTS, MOST_ROWS, Curve, chart, table


def curve(values: list[float], better=min) -> Curve:
    made = Curve(better)
    for step, value in enumerate(values, 1):
        made.add(step, value)
    return made


def drawn(lines) -> list[str]:
    """The picture without names and labels."""
    return [line.plain[LABEL_WIDTH + 1 :] for line in lines[1:]]


def test_many_values_become_a_few_points_with_the_same_mean_and_exact_ends() -> None:
    values = np.random.default_rng(1).random(100_000)
    kept = curve(values.tolist())
    assert MOST_POINTS // 2 <= len(kept.points) < MOST_POINTS
    covered = len(kept.points) * kept.every
    assert np.mean([point.value for point in kept.points]) == pytest.approx(values[:covered].mean())
    assert covered > len(values) - kept.every
    assert [end.value for end in kept.ends] == [values[0], values.min(), values[-1]]
    assert kept.ends[1].step == values.argmin() + 1


@settings(deadline=None, max_examples=40)
@given(
    first=st.lists(st.floats(0, 1e300), max_size=40),
    second=st.lists(st.floats(0, 1e300), max_size=5),
    width=st.integers(20, 100),
    height=st.integers(2, 12),
)
def test_a_chart_has_the_size_that_is_asked_for_whatever_the_values(
    first: list[float], second: list[float], width: int, height: int
) -> None:
    lines = chart({"loss": curve(first), "other": curve(second)}, width, height, len(first))
    assert len(lines) == height + 1
    assert {cell_len(line.plain) for line in lines[1:]} == {width}
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f]", line.plain) for line in lines)


def test_a_falling_curve_is_drawn_from_the_top_left_to_the_bottom_right_without_a_gap() -> None:
    rows = drawn(chart({"loss": curve([9.0, 5.0, 4.5, 2.0, 1.0])}, 40, 5, 5))
    columns = ["".join(row[column] for row in rows) for column in range(len(rows[0]))]
    tops = [re.search(r"\S", column).start() for column in columns if column.strip()]
    assert (tops, tops[0]) == (sorted(tops), 0)
    assert rows[-1][-1] != " "
    assert all(column.strip() for column in columns[columns.index(next(filter(str.strip, columns))) :])
    cliff = drawn(chart({"loss": curve([9.0] * 100 + [1.0] * 100)}, 40, 5, 200))
    assert all(row.strip() for row in cliff)


def test_two_curves_are_told_apart_by_shape_alone() -> None:
    rows = drawn(chart({"loss": curve([3.0, 2.0, 1.0]), "validation loss": curve([2.5, 1.5, 0.5])}, 40, 6, 3))
    assert "".join(rows).count(MARKS[1]) == 3
    assert all(character in f" {MARKS[1]}" or 0x2800 < ord(character) < 0x2900 for character in "".join(rows))


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_has_the_contrast_of_wcag_aa_with_black_and_with_white(colour: str) -> None:
    parts = np.array(Color.parse(colour).triplet) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert (luminance + 0.05) / 0.05 >= 4.5
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_the_table_says_first_best_and_last_and_what_was_known_at_some_steps() -> None:
    validation = Curve(max)
    validation.add(40, 12.5)
    lines = table({"loss": curve([5.0, 1.0, *[2.0] * 98]), "BLEU": validation, "learning rate": Curve(max)})
    assert lines[1].split() == ["loss", "5.00", "1.00", "2", "2.00"]
    assert lines[2].split() == ["BLEU", "12.50", "12.50", "40", "12.50"]
    assert lines[3].split() == ["learning", "rate", "-", "-", "-", "-"]
    rows = [line.split() for line in lines[6:]]
    assert len(rows) == MOST_ROWS
    assert rows[0] == ["10", "2.00", "-", "-"]
    assert rows[-1] == ["100", "2.00", "12.50", "-"]
    assert max(map(len, lines)) <= 80
