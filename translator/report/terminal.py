"""Learning curves in a terminal: charts of characters, and a table as their text alternative.

In a chart the first curve is a line of braille dots and the second a row of crosses, so their shapes differ where colours
are not seen. Both colours have a contrast of 4.5 (WCAG AA) with black and with white.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.text import Text

from translator.report.curves import Curve, Point

COLOURS, MARKS = ("#0077d6", "#c05600"), "⠒x"
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
        codes = (grid.reshape(self.height, 4, self.width, 2) * _DOTS[:, None, :]).sum((1, 3))
        for row, column in np.argwhere(codes):
            yield row, column, chr(0x2800 + codes[row, column])

    def crosses(self, points: Sequence[Point]) -> Iterator[tuple[int, int, str]]:
        """Yield (row, column, character) of each point."""
        for step, value in points:
            yield self.row(value), self.column(step), MARKS[1]

    def column(self, step: int) -> int:
        return _cell(step, 0, self.last_step, self.width)

    def row(self, value: float) -> int:
        return self.height - 1 - _cell(value, self.low, self.high, self.height)  # row 0 is the top


def _cell(value: float, low: float, high: float, size: int) -> int:
    """Return which of `size` cells between `low` and `high` contains the value; the middle one if they are equal."""
    share = (value - low) / (high - low) if high > low else 0.5
    return min(max(round(share * (size - 1)), 0), size - 1)


def chart(curves: Mapping[str, Curve], width: int, height: int, last_step: int) -> list[Text]:
    """Return a line with the names and last values of at most two curves, then a picture of `height` lines."""
    shown = {name: curve for name, curve in curves.items() if curve.points}
    values = [value for curve in shown.values() for _, value in [*curve.ends, *curve.points]] or [0.0]
    area = _Area(width - LABEL_WIDTH - 1, height, last_step, min(values), max(values))
    cells = [[(" ", "")] * area.width for _ in range(height)]
    title = Text()
    drawing = zip(shown.items(), (area.dots, area.crosses), MARKS, COLOURS, strict=False)
    for (name, curve), draw, mark, colour in drawing:
        title.append(f"{mark} {name} {_short(curve.ends[2].value)}  ", colour)
        for row, column, character in draw(curve.points):
            cells[row][column] = (character, colour)
    labels = [_short(area.high), *[""] * (height - 2), _short(area.low)] if shown else [""] * height
    return [title, *(Text.assemble(f"{label:>{LABEL_WIDTH}}│", *row) for label, row in zip(labels, cells, strict=True))]


def table(curves: Mapping[str, Curve]) -> list[str]:
    """Return a table with the first, best and last value of every curve, then a few rows over time."""
    lines = [f"{'':<15}{'first':>11}{'best':>11}{'at step':>11}{'last':>11}"]
    for name, curve in curves.items():
        values = [_short(point.value) for point in curve.ends] or ["-"] * 3
        values.insert(2, f"{curve.ends[1].step:,}" if curve.ends else "-")
        lines.append(f"{name:<15}" + "".join(f"{value:>11}" for value in values))
    widths = {name: max(len(name) + 2, 11) for name in curves}
    lines += ["", f"{'step':>9}" + "".join(f"{name:>{width}}" for name, width in widths.items())]
    steps = sorted({point.step for curve in curves.values() for point in curve.points}, reverse=True)
    every = -(-len(steps) // MAX_ROWS) or 1
    for step in reversed(steps[::every]):
        values = [f"{_short(curve.at(step)):>{widths[name]}}" for name, curve in curves.items()]
        lines.append(f"{step:>9,}" + "".join(values))
    return lines


def _short(value: float | None) -> str:
    """Return a number in at most nine characters, a dash for None."""
    if value is None:
        return "-"
    if 1000 <= abs(value) < 999_999:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.2e}"
