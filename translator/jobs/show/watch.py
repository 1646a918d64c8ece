"""A run seen from outside, by its journal alone: nothing is locked or written, so anybody may watch, at any time."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from translator.jobs.show.curves import number
from translator.report.curves import Curve
from translator.runs.folder import JOURNAL, RunFolder
from translator.training.journal import JournalReader
from translator.training.progress import MEMORY

QUIET_SECONDS = 60.0
"""A training whose process cannot be seen from here counts as stopped after so long without a line in its journal."""


class State(NamedTuple):
    """Whether there is more to come, and how that is said."""

    is_running: bool
    text: str


class Watched:
    """What a run's journal has told so far. Raises ModelError for what is not a run."""

    def __init__(self, run: RunFolder) -> None:
        run.require_run()
        self.run, self.reader = run, JournalReader(run.path / JOURNAL, self.forget)
        self.forget()

    def forget(self) -> None:
        """Nothing is known yet, or what was known holds no longer, because the training went back to a checkpoint."""
        self.step = 0
        self.usual: dict[str, float] = {}
        self.samples: list[Mapping[str, str]] = []
        better = {"loss": min, "validation loss": min, "BLEU": max, "learning rate": max, "target tokens/s": max}
        self.curves = {name: Curve(one) for name, one in better.items()}

    def look(self) -> State:
        """Read on. Whether it runs is asked before, so that of a training that has ended everything is read."""
        is_running = self.run.is_training(QUIET_SECONDS)
        for record in self.reader.read():
            self.add(record)
        if is_running:
            return State(True, f"training, step {self.step:,}" if self.step else "training, no update yet")
        if self.run.is_finished and (record := self.run.finish_record())["step"] >= self.step:
            return State(False, f"finished after step {record['step']:,}, {record.get('reason', '')}")
        return State(False, f"stopped after step {self.step:,}; the same `translator train` goes on")

    def add(self, record: Mapping[str, Any]) -> None:
        """Note an update or a validation; what is not finite is null in the journal and has no place in a curve."""
        step = record["step"]
        self.step = max(self.step, step)
        keys = ("loss", "bleu", "learning_rate", "num_tokens", "seconds")
        loss, bleu, rate, tokens, seconds = (number(record.get(key)) for key in keys)
        if record.get("event") == "validation":
            found = {"validation loss": loss, "BLEU": bleu}
            self.samples = record.get("samples", [])
        else:
            found = {"loss": loss and self.smooth("loss", loss), "learning rate": rate}
            if tokens and seconds:
                found["target tokens/s"] = self.smooth("tokens", tokens) / self.smooth("seconds", seconds)
        for name, value in found.items():
            if value is not None:
                self.curves[name].add(step, value)

    def smooth(self, name: str, value: float) -> float:
        """A running mean, as `Progress.usual_loss` is one."""
        self.usual[name] = MEMORY * self.usual.get(name, value) + (1 - MEMORY) * value
        return self.usual[name]
