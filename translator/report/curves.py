"""Learning curves: kept in bounded memory, drawn in a terminal, and as a table, which is the text alternative.

In a chart the first curve is a line of braille dots and the second one a row of crosses, so shape tells them apart where
colour does not; both colours have a contrast of 4.5 (WCAG AA) with black and with white.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.text import Text

COLOURS, MARKS = ("#0077d6", "#c05600"), "⠒x"
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bits of a braille character: four rows of two dots."""
LABEL_WIDTH = 9
MOST_POINTS, MOST_ROWS = 2048, 10


class Point(NamedTuple):
    """A value at a step."""

    step: int
    value: float


class Curve:
    """Values by step, however many: where the points get too many, each two neighbours become their mean."""

    def __init__(self, better: Callable[..., Point]) -> None:
        self.better = better  # min or max
        self.ends: list[Point] = []  # the first, the best and the last
        self.points: list[Point] = []
        self.every, self.gathered, self.total = 1, 0, 0.0  # values a point, and what the next one has so far

    def add(self, step: int, value: float) -> None:
        """One value more."""
        last = Point(step, value)
        first, best = self.ends[:2] or (last, last)
        self.ends = [first, self.better(best, last, key=lambda point: point.value), last]
        self.gathered, self.total = self.gathered + 1, self.total + value
        if self.gathered == self.every:
            self.points.append(Point(step, self.total / self.every))
            self.gathered, self.total = 0, 0.0
        if len(self.points) == MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [Point(two.step, one.value / 2 + two.value / 2) for one, two in pairs]
            self.every *= 2

    def at(self, step: int) -> float | None:
        """The last value that was known at a step."""
        number = bisect_right(self.points, step, key=lambda point: point.step)
        return self.points[number - 1].value if number else None


class Area(NamedTuple):
    """Where points are drawn: so many columns from step 0 to the last one, so many rows between two values."""

    width: int
    height: int
    last_step: int
    low: float
    high: float

    def dots(self, points: Sequence[Point]) -> Iterator[tuple[int, int, str]]:
        """(row, column, character) of the line through the points."""
        dotted = self._replace(width=2 * self.width, height=4 * self.height)
        steps, values = zip(*points, strict=True)
        columns = np.arange(dotted.column(steps[0]), dotted.column(steps[-1]) + 1)
        heights = np.interp(columns * self.last_step / (dotted.width - 1), steps, values)
        rows = [dotted.row(value) for value in heights]
        grid = np.zeros((dotted.height, dotted.width), dtype=bool)
        for column, row, before in zip(columns, rows, [rows[0], *rows], strict=False):
            grid[min(row, before) : max(row, before) + 1, column] = True
        codes = (grid.reshape(self.height, 4, self.width, 2) * DOTS[:, None, :]).sum((1, 3))
        for row, column in np.argwhere(codes):
            yield row, column, chr(0x2800 + codes[row, column])

    def crosses(self, points: Sequence[Point]) -> Iterator[tuple[int, int, str]]:
        """(row, column, character) of each point."""
        for step, value in points:
            yield self.row(value), self.column(step), MARKS[1]

    def column(self, step: int) -> int:
        """The column of a step, from the left."""
        return cell(step, 0, self.last_step, self.width)

    def row(self, value: float) -> int:
        """The row of a value, from the top."""
        return self.height - 1 - cell(value, self.low, self.high, self.height)


def cell(value: float, low: float, high: float, size: int) -> int:
    """Which of `size` cells between two ends a value falls into; the middle one where there is nothing between them."""
    share = (value - low) / (high - low) if high > low else 0.5
    return min(max(round(share * (size - 1)), 0), size - 1)


def chart(curves: Mapping[str, Curve], width: int, height: int, last_step: int) -> list[Text]:
    """A line of names with their last values, and a picture of so many lines."""
    shown = {name: curve for name, curve in curves.items() if curve.ends}
    values = [value for curve in shown.values() for _, value in [*curve.ends, *curve.points]] or [0.0]
    area = Area(width - LABEL_WIDTH - 1, height, last_step, min(values), max(values))
    cells = [[(" ", "")] * area.width for _ in range(height)]
    title = Text()
    drawing = zip(shown.items(), (area.dots, area.crosses), MARKS, COLOURS, strict=False)
    for (name, curve), draw, mark, colour in drawing:
        title.append(f"{mark} {name} {short(curve.ends[2].value)}  ", colour)
        for row, column, character in draw(curve.points or curve.ends[2:]):
            cells[row][column] = (character, colour)
    ends = [short(area.high), *[""] * (height - 2), short(area.low)] if shown else [""] * height
    return [title, *(Text.assemble(f"{end:>{LABEL_WIDTH}}│", *row) for end, row in zip(ends, cells, strict=True))]


def short(value: float | None) -> str:
    """A number in at most nine characters, a dash for none."""
    if value is None:
        return "-"
    if 1000 <= abs(value) < 999_999:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.2e}"


def table(curves: Mapping[str, Curve]) -> list[str]:
    """First, best and last value of every curve, then a few rows over time."""
    lines = [f"{'':<15}{'first':>11}{'best':>11}{'at step':>11}{'last':>11}"]
    for name, curve in curves.items():
        values = [short(point.value) for point in curve.ends] or ["-"] * 3
        values.insert(2, f"{curve.ends[1].step:,}" if curve.ends else "-")
        lines.append(f"{name:<15}" + "".join(f"{value:>11}" for value in values))
    widths = {name: max(len(name) + 2, 11) for name in curves}
    lines += ["", f"{'step':>9}" + "".join(f"{name:>{width}}" for name, width in widths.items())]
    steps = sorted({point.step for curve in curves.values() for point in curve.points}, reverse=True)
    for step in reversed(steps[:: -(-len(steps) // MOST_ROWS) or 1]):
        values = [f"{short(curve.at(step)):>{widths[name]}}" for name, curve in curves.items()]
        lines.append(f"{step:>9,}" + "".join(values))
    return lines
