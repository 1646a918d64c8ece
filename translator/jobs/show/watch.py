"""The state of a run according to its journal: nothing is locked or written, so any process may watch."""

from typing import NamedTuple

from translator.ops.memory import PeakMemory
from translator.report.curves import CURVES, Curve, Measurement, measurements
from translator.report.time_left import TimeLeft
from translator.runs.folder import JOURNAL, RunFolder
from translator.runs.lock import is_training
from translator.training.journal import JournalEvent, JournalReader
from translator.training.progress import LOSS_MEMORY, Sample, Validation

_NAMES = ("loss", "cross_entropy", "perplexity", "bleu", "learning_rate", "speed")
"""The curves in the order in which they are shown."""
_NOISY = ("loss", "speed")
_QUIET_SECONDS = 60.0
"""Seconds without a new record after which a run on another machine counts as stopped."""


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
        self.step, self.time_left, self._memory = 0, TimeLeft(self.run.config().training), ""
        self.samples: list[Sample] = []
        self.curves = {CURVES[name].label: Curve(CURVES[name].best) for name in _NAMES}
        self._smoothed: dict[str, Measurement] = {}

    def refresh(self) -> State:
        """Read the new records of the journal and return the state of the run."""
        is_running = is_training(self.run, _QUIET_SECONDS)  # first, so that all records of a finished run are read
        for event in self.reader.read():
            self.add(event)
        if is_running:
            text = f"training, {self.time_left.progress(self.step)}" if self.step else "training, no update yet"
            return State(True, text + self._memory)
        if self.run.is_finished and (record := self.run.finish_record()).step >= self.step:
            memory = PeakMemory(record.peak_memory_bytes, record.peak_device_memory_bytes)
            return State(False, f"finished after step {record.step:,}, {record.reason}{_after_comma(memory)}")
        return State(False, f"stopped after step {self.step:,}; run the same `translator train` again to resume")

    def add(self, event: JournalEvent) -> None:
        """Add the measurements and samples of one event."""
        self.step = max(self.step, event.step)
        self.time_left.add(event)
        if isinstance(event, Validation):
            self.samples = event.samples
            self._memory = _after_comma(PeakMemory(event.peak_memory_bytes, event.peak_device_memory_bytes))
        for name, measurement in measurements(event).items():
            if name in _NOISY:  # take the exponential moving average, as `Progress.usual_loss`
                old = zip(self._smoothed.get(name, measurement), measurement, strict=True)
                measurement = Measurement(*(LOSS_MEMORY * before + (1 - LOSS_MEMORY) * now for before, now in old))
                self._smoothed[name] = measurement
            if name in CURVES:
                self.curves[CURVES[name].label].add(event.step, measurement)


def _after_comma(memory: PeakMemory) -> str:
    return f", {memory}" if str(memory) else ""
