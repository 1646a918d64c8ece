"""What happens in a training, told to whoever wants to know; the command line shows it."""

from typing import NamedTuple, Protocol

from translator.config import Config
from translator.training.progress import Progress, Report


class Sample(NamedTuple):
    """A validation sentence with what the model makes of it now."""

    source: str
    hypothesis: str
    reference: str


class Validation(NamedTuple):
    """How good the model is on sentences that it does not train on."""

    step: int
    loss: float  # mean over target tokens, in nats, label-smoothed as in training, without dropout
    bleu: float  # of greedy translations
    is_best: bool
    seconds: float
    samples: list[Sample]


class Watcher(Protocol):
    """Whoever wants to know what happens."""

    def notify(self, text: str) -> None:
        """Something worth a line."""
        ...

    def began(self, progress: Progress, config: Config) -> None:
        """The first update comes next."""
        ...

    def updated(self, report: Report) -> None:
        """One update is done."""
        ...

    def validated(self, validation: Validation) -> None:
        """One validation is done."""
        ...


class Watchers:
    """Several watchers as one, told in this order. All processes of a training but the first have none."""

    def __init__(self, *watchers: Watcher) -> None:
        self.watchers = list(watchers)

    def notify(self, text: str) -> None:
        """Tell all."""
        for one in self.watchers:
            one.notify(text)

    def began(self, progress: Progress, config: Config) -> None:
        """Tell all."""
        for one in self.watchers:
            one.began(progress, config)

    def updated(self, report: Report) -> None:
        """Tell all."""
        for one in self.watchers:
            one.updated(report)

    def validated(self, validation: Validation) -> None:
        """Tell all."""
        for one in self.watchers:
            one.validated(validation)
