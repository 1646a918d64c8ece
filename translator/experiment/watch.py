"""A run seen from outside, by its journal alone: nothing is locked or written, so anybody may watch, at any time."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from translator.errors import ModelError
from translator.experiment.run_folder import JOURNAL, RunFolder
from translator.report.curves import Curve
from translator.training.journal import JournalReader
from translator.training.progress import MEMORY

QUIET_SECONDS = 60.0
"""A training whose process cannot be seen from here counts as stopped after so long without a line in its journal."""
LARGEST = 1e300


class State(NamedTuple):
    """Whether there is more to come, and how that is said."""

    is_running: bool
    text: str


class Watched:
    """What a run's journal has told so far. Raises ModelError for what is not a run."""

    def __init__(self, run: RunFolder) -> None:
        if not run.is_run:
            raise ModelError(str(run.path), "is not a run folder of this program", "`translator train` makes one")
        self.run, self.reader = run, JournalReader(run.path / JOURNAL, self.forget)
        self.forget()

    def forget(self) -> None:
        """Begin anew: the training has gone on from an earlier step."""
        self.step = self.epoch = 0
        self.usual: dict[str, float] = {}
        self.samples: list[Mapping[str, str]] = []
        self.curves = {"loss": Curve(min), "validation loss": Curve(min)} | {
            name: Curve(max) for name in ("BLEU", "learning rate", "target tokens/s")
        }

    def look(self) -> State:
        """Read on. The state is from before, so that where it says stopped, everything has been read."""
        is_running = self.run.is_training(QUIET_SECONDS)
        for record in self.reader.read():
            self.add(record)
        if is_running:
            return State(True, "training" if self.step else "training, no update yet")
        if self.run.is_finished and (record := self.run.finish_record())["step"] >= self.step:
            return State(False, f"finished: {record.get('reason', '')}")
        return State(False, f"stopped after step {self.step:,}; `translator train` with its config goes on")

    def add(self, record: Mapping[str, Any]) -> None:
        """Note an update or a validation; what is no number is left out, as the journal leaves out what is not finite."""
        self.step = max(self.step, record.get("step", 0))
        loss, bleu, rate, tokens, seconds = (
            number(record.get(key)) for key in ("loss", "bleu", "learning_rate", "num_tokens", "seconds")
        )
        if record.get("event") == "validation":
            found = {"validation loss": loss, "BLEU": bleu}
            self.samples = [one for one in record.get("samples", ()) if isinstance(one, dict)]
        else:
            speed = self.smooth("tokens", tokens or 0.0) / max(self.smooth("seconds", seconds or 0.0), 1e-9)
            found = {"loss": loss and self.smooth("loss", loss), "learning rate": rate, "target tokens/s": speed}
        for name, value in found.items():
            if value is not None:
                self.curves[name].add(record.get("step", 0), value)

    def smooth(self, name: str, value: float) -> float:
        """A running mean, as `Progress.usual_loss` is one."""
        self.usual[name] = MEMORY * self.usual.get(name, value) + (1 - MEMORY) * value
        return self.usual[name]


def number(value: object) -> float | None:
    """A JSON value as a number that can be drawn."""
    return float(value) if isinstance(value, int | float) and abs(value) < LARGEST else None
