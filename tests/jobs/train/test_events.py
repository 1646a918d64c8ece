"""Several observers are called for every event, in order."""

import pytest

from translator.config import Config
from translator.jobs.train.events import TrainingObservers
from translator.training.progress import Progress, Report, Validation


class Recorder:
    """Records its own name and the method that was called."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name, self.calls = name, calls

    def notify(self, text: str) -> None:
        self.calls.append(f"{self.name} notify {text}")

    def working(self, text: str) -> None:
        self.calls.append(f"{self.name} working {text}")

    def began(self, progress: Progress, config: Config) -> None:
        self.calls.append(f"{self.name} began")

    def updated(self, report: Report) -> None:
        self.calls.append(f"{self.name} updated")

    def validated(self, validation: Validation) -> None:
        self.calls.append(f"{self.name} validated")


@pytest.mark.parametrize(
    ("event", "arguments"),
    [("notify", ("text",)), ("working", ("text",)), ("began", ({}, {})), ("updated", ({},)), ("validated", ({},))],
)
def test_every_observer_is_called_for_every_event_in_order(event: str, arguments: tuple[object, ...]) -> None:
    calls: list[str] = []
    observers = TrainingObservers(Recorder("first", calls))
    observers.add(Recorder("second", calls))
    getattr(observers, event)(*arguments)
    assert [call.split()[:2] for call in calls] == [["first", event], ["second", event]]


def test_no_observer_is_needed() -> None:
    TrainingObservers().notify("text")
