"""Plain-text tables."""

import pytest

from translator.cli.tables import MAX_WIDTH, table


@pytest.mark.parametrize("num_runs", [1, 2, 4, 5, 50])
def test_a_table_of_many_runs_is_complete_and_fits_the_width(num_runs: int) -> None:
    names = [f"a-run-with-a-name-{number}" for number in range(num_runs)]
    figures = [{f"figure {n} of this run": f"{name[-2:]}:{n}.{n}" for n in range(20)} for name in names]
    lines = table(names, figures)
    assert max(map(len, lines)) <= MAX_WIDTH
    cells = {cell for line in lines for cell in line.split("  ")}
    for name, column in zip(names, figures, strict=True):
        assert {name, *column, *column.values()} <= {cell.strip() for cell in cells}


def test_a_missing_value_is_a_dash() -> None:
    assert table(["a", "b"], [{"x": "1"}, {"y": "2"}]) == ["   a  b", "x  1  -", "y  -  2"]
