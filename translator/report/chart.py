"""Line charts as numbers for a page to draw: the positions of lines, marks and ticks, and a table as text alternative.

The x axis is a quantity or a list of named groups. Colour, dash and mark of a line depend only on its index, so that a run
looks the same in every chart of a page (`parts.html` draws them).
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

LEFT, RIGHT, TOP, BOTTOM = 48, 340, 12, 176
"""The plotting area within a picture of 360 by 212, y downwards; `parts.html` has the same numbers."""
_MAX_TICKS, _MAX_GROUP_LABELS, _MAX_MARKS, _MAX_LABEL = 5, 6, 8, 14
_UNITS = re.compile(r"\b(words|times)\b")


class Line(NamedTuple):
    """Points (x, y) from left to right, all finite; x is not negative, or the index of a group."""

    name: str
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """A linear map from values to positions: `low` is drawn at `begin`, `high` at `end`."""

    low: float
    high: float
    begin: float
    end: float
    ticks: Sequence[tuple[float, str, str]]  # value and the two lines of its label

    def at(self, value: float) -> float:
        return round(self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin), 1)

    def labels(self) -> list[tuple[float, str, str]]:
        """Return the position and the two lines of each tick."""
        return [(self.at(value), first, second) for value, first, second in self.ticks]


class Chart(NamedTuple):
    """Several lines over one x axis."""

    title: str
    x_title: str
    lines: Sequence[Line]
    groups: Sequence[tuple[str, str]] = ()  # labels of x = 0, 1, ..., in two lines; empty if x is a quantity

    @property
    def has_points(self) -> bool:
        return any(line.points for line in self.lines)

    @property
    def names(self) -> list[str]:
        return [line.name for line in self.lines]

    @property
    def x_axis(self) -> Axis:
        """The groups, or a quantity from zero to the last point."""
        if self.groups:
            every = -(-len(self.groups) // _MAX_GROUP_LABELS)  # rounded up
            groups = list(enumerate(self.groups))[::every]
            ticks = [(float(x), _short(name), _short(more)) for x, (name, more) in groups]
            return Axis(-0.5, len(self.groups) - 0.5, LEFT, RIGHT, ticks)
        round_axis = _axis([0.0, *(x for line in self.lines for x, _ in line.points)], LEFT, RIGHT)
        last = max(x for line in self.lines for x, _ in line.points)
        return round_axis._replace(high=last, ticks=[tick for tick in round_axis.ticks if tick[0] <= last])

    @property
    def y_axis(self) -> Axis:
        """The values, from zero unless all of them are in the upper half."""
        values = [y for line in self.lines for _, y in line.points]
        return _axis([*values, 0.0] if 0 <= min(values) < max(values) / 2 else values, BOTTOM, TOP)

    def paths(self) -> list[tuple[str, list[tuple[float, float]]]]:
        """Return each line as an SVG path, with the positions of its marks."""
        x_axis, y_axis = self.x_axis, self.y_axis
        paths = []
        for number, line in enumerate(self.lines):
            places = [(x_axis.at(x), y_axis.at(y)) for x, y in line.points]
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if places else ""
            every = -(-len(places) // _MAX_MARKS) or 1
            # Lines start their marks at different points, so that the marks of close lines do not cover each other.
            paths.append((path, places[number * every // max(len(self.lines), 1) :: every]))
        return paths

    def rows(self) -> list[list[str]]:
        """Return the chart as a table: one row per x, one column per line."""
        columns = [dict(line.points) for line in self.lines]
        xs = sorted({x for column in columns for x in column})
        names = {x: " ".join(self.groups[int(x)]).strip() if self.groups else text_of(x) for x in xs}
        return [[names[x], *(text_of(column[x]) if x in column else "" for column in columns)] for x in xs]


def _axis(values: Sequence[float], begin: float, end: float) -> Axis:
    """Return an axis with a few ticks at round numbers, which enclose all values."""
    low, high = min(values), max(values)
    rough = max((high - low or abs(high) or 1.0) / (_MAX_TICKS - 1), 1e-300)  # not 0, because of the logarithm
    power = 10.0 ** math.floor(math.log10(rough))
    # The smallest round step with few enough ticks; 1e-9 forgives rounding.
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    ticks = [(number * step, text_of(number * step), "") for number in range(first, last + 1)]
    return Axis(first * step, last * step, begin, end, ticks)


def text_of(value: float) -> str:
    """Return a number with four significant digits, or with thousands separators."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(name: str) -> str:
    """Shorten a name to fit below its tick; units are left out because the title of the chart has them."""
    name = _UNITS.sub("", name).strip()
    return name if len(name) <= _MAX_LABEL else f"{name[: _MAX_LABEL - 1]}…"
