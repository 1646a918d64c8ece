"""Learning curves in a terminal: charts of characters, and a table as their text alternative.

A curve is a line of braille dots in a colour that has a contrast of 4.5 (WCAG AA) with black and with white.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.text import Text

from translator.report.curves import Curve, Point

COLOUR = "#0077d6"
LABEL_WIDTH, MAX_ROWS = 9, 10
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bits of a braille character: four rows of two dots."""


class _Area(NamedTuple):
    """A grid of characters that shows the steps from 0 to `last_step` and the values from `low` to `high`."""

    width: int
    height: int
    last_step: int
    low: float
    high: float

    def dots(self, points: Sequence[Point]) -> Iterator[tuple[int, int, str]]:
        """Yield (row, column, character) of a line through the points."""
        dotted = self._replace(width=2 * self.width, height=4 * self.height)
        steps, values = zip(*points, strict=True)
        columns = np.arange(dotted.column(steps[0]), dotted.column(steps[-1]) + 1)
        heights = np.interp(columns * self.last_step / (dotted.width - 1), steps, values)
        rows = [dotted.row(value) for value in heights]
        grid = np.zeros((dotted.height, dotted.width), dtype=bool)
        for column, row, before in zip(columns, rows, [rows[0], *rows], strict=False):
            grid[min(row, before) : max(row, before) + 1, column] = True  # a vertical stroke leaves no gap
        # Each character holds 4 x 2 dots, whose bits add up to its code.
        codes = (grid.reshape(self.height, 4, self.width, 2) * _DOTS[:, None, :]).sum((1, 3))
        for row, column in np.argwhere(codes):
            yield row, column, chr(0x2800 + codes[row, column])

    def column(self, step: int) -> int:
        return _cell(step, 0, self.last_step, self.width)

    def row(self, value: float) -> int:
        return self.height - 1 - _cell(value, self.low, self.high, self.height)  # row 0 is the top


def _cell(value: float, low: float, high: float, size: int) -> int:
    """Return which of `size` cells between `low` and `high` contains the value; the middle one if they are equal."""
    share = (value - low) / (high - low) if high > low else 0.5
    return min(max(round(share * (size - 1)), 0), size - 1)


def chart(name: str, curve: Curve, width: int, height: int, last_step: int) -> list[Text]:
    """Return a line with the name and the last value of a curve, then a picture of `height` lines."""
    values = [value for _, value in [*curve.ends, *curve.points]]
    area = _Area(width - LABEL_WIDTH - 1, height, last_step, min(values, default=0.0), max(values, default=0.0))
    cells, labels = [[" "] * area.width for _ in range(height)], [""] * height
    if values:
        if height > 1:
            labels[0], labels[-1] = _short(area.high), _short(area.low)
        for row, column, character in area.dots(curve.points):
            cells[row][column] = character
    title = Text(f"{name} {_short(curve.ends[2].value if values else None)}", COLOUR)
    rows = zip(labels, map("".join, cells), strict=True)
    return [title, *(Text.assemble(f"{label:>{LABEL_WIDTH}}│", (row, COLOUR)) for label, row in rows)]


def table(curves: Mapping[str, Curve]) -> list[str]:
    """Return a table with the first, best and last value of every curve, then a few rows over time."""
    lines = [f"{'':<15}{'first':>11}{'best':>11}{'at step':>11}{'last':>11}"]
    for name, curve in curves.items():
        values = [_short(point.value) for point in curve.ends] or ["-"] * 3
        values.insert(2, f"{curve.ends[1].step:,}" if curve.ends else "-")
        lines.append(f"{name:<15}" + "".join(f"{value:>11}" for value in values))
    steps = sorted({point.step for curve in curves.values() for point in curve.points}, reverse=True)
    # Every n-th step, counted back from the last one.
    shown = steps[:: -(-len(steps) // MAX_ROWS) or 1][::-1]
    columns = [["step", *(f"{step:,}" for step in shown)]]
    columns += [[name, *(_short(curve.at(step)) for step in shown)] for name, curve in curves.items()]
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return [*lines, "", *("  ".join(map(str.rjust, row, widths)) for row in rows)]


def _short(value: float | None) -> str:
    """Return a number in at most nine characters, a dash for None."""
    if value is None:
        return "-"
    if 1000 <= abs(value) < 999_999:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.2e}"
