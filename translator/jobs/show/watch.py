"""The state of a run as seen from outside, from its journal alone: nothing is locked or written, so anyone may watch."""

from typing import NamedTuple

from translator.report.curves import CURVES, Curve, Measurement, measurements
from translator.runs.folder import JOURNAL, RunFolder
from translator.runs.lock import is_training
from translator.training.journal import JournalEvent, JournalReader
from translator.training.progress import LOSS_MEMORY, Sample, Validation

LABELS = {
    "loss": "training loss",
    "cross_entropy": "cross-entropy",
    "perplexity": "perplexity",
    "bleu": "BLEU",
    "learning_rate": "learning rate",
    "speed": "tokens/s",
}
"""The curves, with the names that are shown."""
_NOISY = ("loss", "speed")
_QUIET_SECONDS = 60.0
"""A run whose process is not on this machine counts as stopped after so many seconds without a new record."""


class State(NamedTuple):
    """Whether a run is training, and the same in words."""

    is_running: bool
    text: str


class WatchedRun:
    """What the journal of a run has recorded so far. Raises ModelError if the folder is not a run."""

    def __init__(self, run: RunFolder) -> None:
        run.require_run()
        self.run, self.reader = run, JournalReader(run.path / JOURNAL, self.forget)
        self.forget()

    def forget(self) -> None:
        """Drop everything: the run went back to a checkpoint, so its journal is read again from the start."""
        self.step = 0
        self.samples: list[Sample] = []
        self.curves = {label: Curve(CURVES[name]) for name, label in LABELS.items()}
        self._smoothed: dict[str, Measurement] = {}

    def refresh(self) -> State:
        """Read the new records of the journal and return the state of the run."""
        is_running = is_training(
            self.run, _QUIET_SECONDS
        )  # asked first, so that all records of a finished run are read
        for event in self.reader.read():
            self.add(event)
        if is_running:
            return State(True, f"training, step {self.step:,}" if self.step else "training, no update yet")
        if self.run.is_finished and (record := self.run.finish_record()).step >= self.step:
            return State(False, f"finished after step {record.step:,}, {record.reason}")
        return State(False, f"stopped after step {self.step:,}; run the same `translator train` again to resume")

    def add(self, event: JournalEvent) -> None:
        """Add the measurements and samples of one event."""
        self.step = max(self.step, event.step)
        if isinstance(event, Validation):
            self.samples = event.samples
        for name, measurement in measurements(event).items():
            if name in _NOISY:
                measurement = self._smooth(name, measurement)
            if name in LABELS:
                self.curves[LABELS[name]].add(event.step, measurement)

    def _smooth(self, name: str, measurement: Measurement) -> Measurement:
        """Return an exponential moving average, as `Progress.usual_loss`."""
        old = self._smoothed.get(name, measurement)
        total, weight = (
            LOSS_MEMORY * before + (1 - LOSS_MEMORY) * now for before, now in zip(old, measurement, strict=True)
        )
        self._smoothed[name] = Measurement(total, weight)
        return self._smoothed[name]
