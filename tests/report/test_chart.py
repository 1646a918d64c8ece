"""Charts as numbers: values are drawn where the axis says, and the table has all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.report.chart import BOTTOM, LEFT, RIGHT, TOP, Chart, Line

FINITE = st.floats(-1e9, 1e9)
POINTS = st.lists(st.tuples(st.integers(1, 10**6), FINITE), min_size=1, max_size=30, unique_by=lambda point: point[0])


@given(POINTS, POINTS)
def test_every_point_and_tick_is_inside_the_plotting_area(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    chart = Chart("loss", "updates", [Line("a", sorted(first)), Line("b", sorted(second))])
    for path, marks in chart.paths():
        places = [tuple(map(float, place.split())) for place in path[1:].split("L")]
        assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in places)
        assert set(marks) <= set(places)
    assert all(LEFT <= x <= RIGHT for x, *_ in chart.x_axis.labels())
    assert all(TOP <= y <= BOTTOM for y, *_ in chart.y_axis.labels())
    assert 2 <= len(chart.y_axis.ticks) <= 7


def test_a_value_is_drawn_at_its_own_tick() -> None:
    chart = Chart("BLEU", "updates", [Line("a", [(0, 0.0), (500, 50.0), (1000, 100.0)])])
    assert {text: y for y, text, _ in chart.y_axis.labels()} == {
        "0": 176,
        "25": 135,
        "50": 94,
        "75": 53,
        "100": 12,
    }
    assert chart.paths()[0][0] == "M48 176L194 94L340 12"


def test_the_table_has_a_row_for_every_x_and_an_empty_cell_where_a_line_has_no_point() -> None:
    lines = [Line("a", [(10, 1.5)]), Line("b", [(10, 1234.5), (20, 3e-5)])]
    assert Chart("", "updates", lines).rows() == [["10", "1.5", "1,234"], ["20", "", "3e-05"]]
    named = Chart("", "group", [Line("a", [(1, 2.0)])], [("seen", "(3)"), ("unseen", "(4)")])
    assert named.rows() == [["unseen (4)", "2"]]


@pytest.mark.parametrize("lines", [[], [Line("a", [])]])
def test_a_chart_without_points_is_not_drawn(lines: list[Line]) -> None:
    assert not Chart("", "updates", lines).has_points
