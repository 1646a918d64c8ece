"""Charts and tables of curves show their values and fit their space."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from rich.text import Text

from translator.report.curves import Curve, Measurement
from translator.report.terminal import COLOUR, LABEL_WIDTH, MAX_ROWS, chart, table


def curve(values: list[float]) -> Curve:
    made = Curve(min)
    for step, value in enumerate(values, 1):
        made.add(step, Measurement(value))
    return made


def picture(lines: list[Text]) -> list[str]:
    """The chart without names and labels."""
    return [line.plain[LABEL_WIDTH + 1 :] for line in lines[1:]]


@settings(deadline=None, max_examples=40)
@given(
    values=st.lists(st.floats(0, 1e300), max_size=40),
    width=st.integers(20, 100),
    height=st.integers(1, 12),
)
def test_a_chart_has_the_requested_size_for_any_values(values: list[float], width: int, height: int) -> None:
    lines = chart("loss", curve(values), width, height, len(values))
    assert len(lines) == height + 1
    assert {cell_len(line.plain) for line in lines[1:]} == {width}
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f]", line.plain) for line in lines)


def test_a_falling_curve_is_drawn_from_the_top_left_to_the_bottom_right_without_a_gap() -> None:
    rows = picture(chart("loss", curve([9.0, 5.0, 4.5, 2.0, 1.0]), 40, 5, 5))
    columns = ["".join(row[column] for row in rows) for column in range(len(rows[0]))]
    tops = [len(column) - len(column.lstrip()) for column in columns if column.strip()]
    assert (tops, tops[0]) == (sorted(tops), 0)
    assert rows[-1][-1] != " "
    assert all(column.strip() for column in columns[columns.index(next(filter(str.strip, columns))) :])
    cliff = picture(chart("loss", curve([9.0] * 100 + [1.0] * 100), 40, 5, 200))
    assert all(row.strip() for row in cliff)


def test_a_curve_without_values_has_a_dash() -> None:
    assert [chart("BLEU", curve(values), 40, 2, 3)[0].plain for values in ([], [3.0])] == ["BLEU -", "BLEU 3.00"]


def test_the_colour_has_the_contrast_of_wcag_aa_with_black_and_with_white() -> None:
    parts = np.array(Color.parse(COLOUR).triplet) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert (luminance + 0.05) / 0.05 >= 4.5
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_the_table_has_first_best_and_last_values_and_some_rows_over_time() -> None:
    validation = Curve(max)
    validation.add(40, Measurement(12.5))
    lines = table({"loss": curve([5.0, 1.0, *[2.0] * 98]), "BLEU": validation, "learning rate": Curve(max)})
    assert lines[1].split() == ["loss", "5.00", "1.00", "2", "2.00"]
    assert lines[2].split() == ["BLEU", "12.50", "12.50", "40", "12.50"]
    assert lines[3].split() == ["learning", "rate", "-", "-", "-", "-"]
    rows = [line.split() for line in lines[6:]]
    assert len(rows) == MAX_ROWS
    assert rows[0] == ["10", "2.00", "-", "-"]
    assert rows[-1] == ["100", "2.00", "12.50", "-"]
    assert max(map(len, lines)) <= 80
