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
    loss: float  # mean over target tokens, in nats, not smoothed
    bleu: float  # of greedy translations
    is_best: bool
    seconds: float
    samples: list[Sample]


class Watcher(Protocol):
    """Whoever wants to know what happens."""

    def notice(self, text: str) -> None:
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


class Silence:
    """A watcher who keeps it to itself: all processes of a training but the first have this one."""

    def notice(self, text: str) -> None:
        """Nothing."""

    def began(self, progress: Progress, config: Config) -> None:
        """Nothing."""

    def updated(self, report: Report) -> None:
        """Nothing."""

    def validated(self, validation: Validation) -> None:
        """Nothing."""
