"""Learning curves: kept in bounded memory, drawn in a terminal, and as a table, which is the text alternative.

In a chart the first curve is a line of braille dots and the second one a row of crosses, so shape tells them apart where
colour does not; both colours have a contrast of 4.5 (WCAG AA) with black and with white.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.text import Text

COLOURS = ("#0077d6", "#c05600")
MARKS = ("⠒", "x")
DOT = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bit of each of the 4 x 2 dots of a braille character."""
LABEL_WIDTH = 9
MOST_POINTS = 2048
MOST_ROWS = 10


class Point(NamedTuple):
    """A value at a step."""

    step: int
    value: float


class Curve:
    """Values by step, however many: where the points get too many, each two neighbours become their mean."""

    def __init__(self, better: Callable[..., Point]) -> None:
        self.better, self.every, self.points = better, 1, list[Point]()
        self.gathered, self.total = 0, 0.0
        self.ends: list[Point] = []  # the first, the best (by `better`, which is min or max) and the last

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
            halves = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [Point(two.step, (one.value + two.value) / 2) for one, two in halves]
            self.every *= 2

    def at(self, step: int) -> float | None:
        """The last value that was known at a step."""
        number = bisect_right(self.points, step, key=lambda point: point.step)
        return self.points[number - 1].value if number else None


def chart(curves: Mapping[str, Curve], width: int, height: int, last_step: int) -> list[Text]:
    """A line of names with their last values, and a picture of so many lines from step 0 to the last one."""
    title, shown = Text(), {name: curve for name, curve in curves.items() if curve.ends}
    for (name, curve), mark, colour in zip(shown.items(), MARKS, COLOURS, strict=False):
        title.append(f"{mark} {name} {short(curve.ends[2].value)}  ", colour)
    values = [point.value for curve in shown.values() for point in curve.points]
    low, high = min(values, default=0.0), max(values, default=0.0)
    lines = [Text(" " * LABEL_WIDTH + "│") for _ in range(height)]
    if values:
        lines[-1] = Text(f"{short(low):>{LABEL_WIDTH}}│")
        lines[0] = Text(f"{short(high):>{LABEL_WIDTH}}│")
    area = (width - LABEL_WIDTH - 1, height)
    pictures = [dots, crosses]
    drawn = [
        draw(curve.points, area, (low, high), last_step) for curve, draw in zip(shown.values(), pictures, strict=False)
    ]
    for number, line in enumerate(lines):
        for cell in zip(*(picture[number] for picture in drawn), strict=True):
            above = max((index for index, character in enumerate(cell) if character != " "), default=0)
            line.append(cell[above], COLOURS[above])
    return [title, *lines]


def dots(points: Sequence[Point], area: tuple[int, int], ends: tuple[float, float], last_step: int) -> list[str]:
    """The points joined by a line of braille dots, two to a column and four to a row."""
    width, height = area
    steps, values = zip(*points, strict=True)
    grid = np.zeros((4 * height, 2 * width), dtype=bool)
    begin, end = (int(place(step, (0, last_step), 2 * width)) for step in (steps[0], steps[-1]))
    columns = np.arange(begin, end + 1)
    heights = np.interp(columns * last_step / max(2 * width - 1, 1), steps, values)
    rows = [4 * height - 1 - place(value, ends, 4 * height) for value in heights]
    for column, row, before in zip(columns, rows, [rows[0], *rows], strict=False):
        grid[min(row, before) : max(row, before) + 1, column] = True
    codes = (grid.reshape(height, 4, width, 2) * DOT[:, None, :]).sum((1, 3))
    return ["".join(chr(0x2800 + code) if code else " " for code in row) for row in codes]


def crosses(points: Sequence[Point], area: tuple[int, int], ends: tuple[float, float], last_step: int) -> list[str]:
    """A cross for each point."""
    width, height = area
    grid = np.full((height, width), " ")
    for step, value in points:
        grid[height - 1 - place(value, ends, height), place(step, (0, last_step), width)] = MARKS[1]
    return ["".join(row) for row in grid]


def place(value: float, ends: tuple[float, float], size: int) -> int:
    """Which of `size` cells between two ends a value falls into; the middle one where the ends are one."""
    low, high = ends
    share = (value - low) / (high - low) if high > low else 0.5
    return min(max(round(share * (size - 1)), 0), size - 1)


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
        first, best, last = curve.ends or [None] * 3
        cells = (first and first.value, best and best.value, best and best.step, last and last.value)
        lines.append(
            f"{name:<15}" + "".join(f"{one:>11,}" if isinstance(one, int) else f"{short(one):>11}" for one in cells)
        )
    widths = {name: max(len(name) + 2, 11) for name in curves}
    lines += ["", f"{'step':>9}" + "".join(f"{name:>{width}}" for name, width in widths.items())]
    steps = sorted({point.step for curve in curves.values() for point in curve.points})
    for step in steps[:: -max(len(steps) // MOST_ROWS, 1)][MOST_ROWS - 1 :: -1] if steps else ():
        cells = [short(curves[name].at(step)) for name in curves]
        lines.append(
            f"{step:>9,}" + "".join(f"{one:>{width}}" for one, width in zip(cells, widths.values(), strict=True))
        )
    return lines
