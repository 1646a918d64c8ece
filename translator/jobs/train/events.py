"""What happens during training, reported to observers: the progress display, TensorBoard, tests."""

from typing import Protocol

from translator.config import Config
from translator.training.progress import Progress, Report, Validation


class TrainingObserver(Protocol):
    """Called as training proceeds, always from the process that trains."""

    def notify(self, text: str) -> None:
        """Show one line of information."""

    def working(self, text: str) -> None:
        """Show what is being done until another method is called."""

    def began(self, progress: Progress, config: Config) -> None:
        """Called once, before the first update."""

    def updated(self, report: Report) -> None:
        """Called after each update, on a GPU up to `training.log_every` updates later."""

    def validated(self, validation: Validation) -> None:
        """Called after each validation."""


class TrainingObservers:
    """Calls several observers in order. If several processes train together, only the first has observers."""

    def __init__(self, *observers: TrainingObserver) -> None:
        self._observers = list(observers)

    def add(self, observer: TrainingObserver) -> None:
        self._observers.append(observer)

    def notify(self, text: str) -> None:
        for observer in self._observers:
            observer.notify(text)

    def working(self, text: str) -> None:
        for observer in self._observers:
            observer.working(text)

    def began(self, progress: Progress, config: Config) -> None:
        for observer in self._observers:
            observer.began(progress, config)

    def updated(self, report: Report) -> None:
        for observer in self._observers:
            observer.updated(report)

    def validated(self, validation: Validation) -> None:
        for observer in self._observers:
            observer.validated(validation)
