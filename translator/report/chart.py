"""Line charts as numbers for a page to draw: where lines, marks and ticks stand, and the table that says the same in words.

Quantities run along both axes; or the lines cross named groups, one place a group. A line knows its colour, dash and mark
by its place among the lines alone, so that a run looks the same in every chart of a page (`parts.html` draws it).
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

LEFT, RIGHT, TOP, BOTTOM = 48, 340, 12, 176
"""The frame that the lines are drawn in, within a picture of 360 by 212, y downwards."""
MOST_TICKS, MOST_LABELS, MOST_MARKS, LONGEST_LABEL = 5, 6, 8, 14

UNITS = re.compile(r"\b(words|times)\b")


class Line(NamedTuple):
    """Points (x, y) from left to right, both finite; x is a number of a group, or not negative."""

    name: str
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """From values to places: `low` stands at `begin`, `high` at `end`."""

    low: float
    high: float
    begin: float
    end: float
    ticks: Sequence[tuple[float, str, str]]  # value and the two lines that are written there

    def at(self, value: float) -> float:
        """The place of a value."""
        return round(self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin), 1)

    def labels(self) -> list[tuple[float, str, str]]:
        """The place of each tick, and its text."""
        return [(self.at(value), first, second) for value, first, second in self.ticks]


class Chart(NamedTuple):
    """Some lines over one axis."""

    title: str
    x_title: str
    lines: Sequence[Line]
    groups: Sequence[tuple[str, str]] = ()  # what stands below x = 0, 1, ..., in two lines; none where x is a quantity

    @property
    def has_points(self) -> bool:
        """Whether there is anything to draw."""
        return any(line.points for line in self.lines)

    @property
    def names(self) -> list[str]:
        """What each line is called."""
        return [line.name for line in self.lines]

    @property
    def x_axis(self) -> Axis:
        """Groups, or a quantity from zero on."""
        if self.groups:
            every = -(-len(self.groups) // MOST_LABELS)
            ticks = [
                (float(x), short(name), short(more)) for x, (name, more) in enumerate(self.groups) if x % every == 0
            ]
            return Axis(-0.5, len(self.groups) - 0.5, LEFT, RIGHT, ticks)
        round_axis = axis([0.0, *(x for line in self.lines for x, _ in line.points)], LEFT, RIGHT)
        last = max(x for line in self.lines for x, _ in line.points)
        return round_axis._replace(high=last, ticks=[tick for tick in round_axis.ticks if tick[0] <= last])

    @property
    def y_axis(self) -> Axis:
        """The values, from zero where that does not make them flat."""
        values = [y for line in self.lines for _, y in line.points]
        return axis([*values, 0.0] if 0 <= min(values) < max(values) / 2 else values, BOTTOM, TOP)

    def drawn(self) -> list[tuple[str, list[tuple[float, float]]]]:
        """Each line as the path of an SVG, and the places of its marks: all points where they are few."""
        x_axis, y_axis = self.x_axis, self.y_axis
        found = []
        for number, line in enumerate(self.lines):
            places = [(x_axis.at(x), y_axis.at(y)) for x, y in line.points]
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if places else ""
            every = -(-len(places) // MOST_MARKS) or 1
            found.append((path, places[number * every // max(len(self.lines), 1) :: every]))
        return found

    def rows(self) -> list[list[str]]:
        """The text alternative: a row an x, a column a line."""
        columns = [dict(line.points) for line in self.lines]
        xs = sorted({x for column in columns for x in column})
        names = {x: " ".join(self.groups[int(x)]).strip() if self.groups else text_of(x) for x in xs}
        return [[names[x], *(text_of(column[x]) if x in column else "" for column in columns)] for x in xs]


def axis(values: Sequence[float], begin: float, end: float) -> Axis:
    """An axis with a few round ticks that reach around all values."""
    low, high = min(values), max(values)
    rough = max((high - low or abs(high) or 1.0) / (MOST_TICKS - 1), 1e-300)  # a logarithm is taken of it
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return Axis(
        first * step, last * step, begin, end, [(n * step, text_of(n * step), "") for n in range(first, last + 1)]
    )


def text_of(value: float) -> str:
    """Four digits that count, thousands set apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def short(name: str) -> str:
    """A name that fits below its place; that words are meant, or times, the title says."""
    name = UNITS.sub("", name).strip()
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
