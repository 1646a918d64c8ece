"""The learning curves of a run: measurements from the events of its journal, thinned to a bounded number of points."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from translator.training.journal import JournalEvent
from translator.training.progress import Report, Validation


class CurveKind(NamedTuple):
    """What a curve shows, in a terminal and above a chart, and the function that picks its best value."""

    label: str
    title: str
    best: Callable[..., Any]


CURVES = {
    "loss": CurveKind("training loss", "Training loss, with label smoothing", min),
    "cross_entropy": CurveKind("cross-entropy", "Validation cross-entropy, without label smoothing", min),
    "perplexity": CurveKind("perplexity", "Validation perplexity, exp(cross-entropy)", min),
    "bleu": CurveKind("BLEU", "Validation BLEU, greedy search", max),
    "speed": CurveKind("tokens/s", "Target tokens per second", max),
    "learning_rate": CurveKind("learning rate", "Learning rate", max),
}
_SMALLEST, _LARGEST = 1e-30, 1e30
"""Numbers beyond these are not measurements and would distort an axis."""


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
    """The measurements of one curve. When there are too many points, each pair of neighbours is replaced by its mean."""

    def __init__(self, best: Callable[..., Any], max_points: int = 2048) -> None:
        self._best, self._max_points = best, max_points  # an even number
        self._per_point = self._in_last = 1  # measurements in each point but the last, and in the last
        self._sums: list[tuple[int, float, float]] = []  # last step, total and weight of each point
        self.ends: list[Point] = []  # the first, best and last measurement

    def add(self, step: int, measurement: Measurement) -> None:
        last = Point(step, measurement.value)
        first, best = self.ends[:2] or (last, last)
        self.ends = [first, self._best(best, last, key=lambda point: point.value), last]
        # The last point is full.
        if self._in_last == self._per_point:
            if len(self._sums) == self._max_points:
                pairs = zip(self._sums[::2], self._sums[1::2], strict=True)
                self._sums = [
                    (later, total + more, weight + added) for (_, total, weight), (later, more, added) in pairs
                ]
                # From now on each point is the mean of twice as many.
                self._per_point *= 2
            self._sums.append((step, 0.0, 0.0))
            self._in_last = 0
        _, total, weight = self._sums[-1]
        self._sums[-1] = step, total + measurement.total, weight + measurement.weight
        self._in_last += 1

    @property
    def points(self) -> list[Point]:
        """The points, each at the last step of its measurements."""
        return [Point(step, total / weight) for step, total, weight in self._sums]

    def at(self, step: int) -> float | None:
        """Return the value of the last point up to a step, None before the first."""
        return next((point.value for point in reversed(self.points) if point.step <= step), None)


def learning_curves(events: Iterable[JournalEvent], max_points: int) -> dict[str, Curve]:
    """Return all curves of a journal, none with more points than this."""
    curves = {name: Curve(kind.best, max_points) for name, kind in CURVES.items()}
    for event in events:
        for name, measurement in measurements(event).items():
            if name in curves:
                curves[name].add(event.step, measurement)
    return curves


def measurements(event: JournalEvent) -> dict[str, Measurement]:
    """Return what one event measured, by the name of its curve, without values that are not finite."""
    if isinstance(event, Validation):
        numbers = {name: getattr(event, name) for name in ("cross_entropy", "perplexity", "bleu")}
    else:
        numbers = {"loss": event.loss, "learning_rate": event.learning_rate, "gradient_norm": event.gradient_norm}
    measured = {name: Measurement(number) for name, number in numbers.items() if _is_drawable(number)}
    if isinstance(event, Report) and event.num_tokens and event.seconds and _is_drawable(event.seconds):
        measured["speed"] = Measurement(event.num_tokens, event.seconds)
    return measured


def _is_drawable(number: float) -> bool:
    return number == 0 or _SMALLEST < abs(number) < _LARGEST
