"""The learning curves of a run: measurements from the records of its journal, thinned to a bounded number of points."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

CURVES: dict[str, Callable[..., Any]] = {
    "loss": min,
    "validation_loss": min,
    "bleu": max,
    "speed": max,  # target tokens per second
    "learning_rate": max,
}
"""The curves, each with the function that picks the best value."""
_SMALLEST, _LARGEST = 1e-30, 1e30
"""Numbers beyond these are not measurements and would spoil an axis."""


class Measurement(NamedTuple):
    """A value as total / weight, so that the mean of several is the ratio of their sums."""

    total: float
    weight: float = 1.0

    @property
    def value(self) -> float:
        return self.total / self.weight


class Point(NamedTuple):
    """A value at a step."""

    step: int
    value: float


class Curve:
    """The measurements of one curve. Whenever there are too many points, each two neighbours become their mean."""

    def __init__(self, best: Callable[..., Any], max_points: int = 2048) -> None:
        self._best, self._max_points = best, max_points  # an even number
        self._per_point = self._in_last = 1  # measurements in each point but the last, and in the last
        self._sums: list[tuple[int, float, float]] = []  # last step, total and weight of each point
        self.ends: list[Point] = []  # the first, best and last measurement

    def add(self, step: int, measurement: Measurement) -> None:
        """Add the next measurement."""
        last = Point(step, measurement.value)
        first, best = self.ends[:2] or (last, last)
        self.ends = [first, self._best(best, last, key=lambda point: point.value), last]
        if self._in_last == self._per_point:
            if len(self._sums) == self._max_points:
                self._merge_neighbours()
            self._sums.append((step, 0.0, 0.0))
            self._in_last = 0
        _, total, weight = self._sums[-1]
        self._sums[-1] = step, total + measurement.total, weight + measurement.weight
        self._in_last += 1

    def _merge_neighbours(self) -> None:
        pairs = zip(self._sums[::2], self._sums[1::2], strict=True)
        self._sums = [(step, total + more, weight + added) for (_, total, weight), (step, more, added) in pairs]
        self._per_point *= 2

    @property
    def points(self) -> list[Point]:
        """The points, each at the last step of its measurements."""
        return [Point(step, total / weight) for step, total, weight in self._sums]

    def at(self, step: int) -> float | None:
        """Return the value of the last point up to a step, None before the first."""
        return next((point.value for point in reversed(self.points) if point.step <= step), None)


def learning_curves(records: Iterable[Mapping[str, Any]], max_points: int) -> dict[str, Curve]:
    """Return all curves of a journal, none with more points than this."""
    curves = {name: Curve(best, max_points) for name, best in CURVES.items()}
    for record in records:
        for name, measurement in measurements(record).items():
            if name in curves:
                curves[name].add(record["step"], measurement)
    return curves


def measurements(record: Mapping[str, Any]) -> dict[str, Measurement]:
    """Return what one record of a journal measured, by the name of its curve, without values that are not finite."""
    names = {"loss": "loss", "learning_rate": "learning_rate", "gradient_norm": "gradient_norm"}
    if record.get("event") == "validation":
        names = {"validation_loss": "loss", "bleu": "bleu"}
    numbers = {name: _number(record.get(key)) for name, key in names.items()}
    measured = {name: Measurement(number) for name, number in numbers.items() if number is not None}
    tokens, seconds = _number(record.get("num_tokens")), _number(record.get("seconds"))
    if tokens and seconds:
        measured["speed"] = Measurement(tokens, seconds)
    return measured


def _number(value: object) -> float | None:
    """Return a value of the journal as a number that can be drawn; it has null where a number was not finite."""
    if isinstance(value, int | float) and (value == 0 or _SMALLEST < abs(value) < _LARGEST):
        return float(value)
    return None
