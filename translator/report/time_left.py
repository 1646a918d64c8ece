"""How long training still takes, estimated from the events of its journal."""

from translator.training.journal import JournalEvent
from translator.training.progress import LOSS_MEMORY, Validation
from translator.training.settings import TrainingSettings

_VALIDATION_MEMORY = 0.5


class TimeLeft:
    """Estimates the rest of a run from running means of the duration of updates and of validations."""

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings, self._step, self._spent = settings, 0, 0.0
        self._update: float | None = None
        self._validation = 0.0
        self._is_first = True

    def add(self, event: JournalEvent) -> None:
        """Count an update or a validation."""
        self._step = max(self._step, event.step)
        if isinstance(event, Validation):
            self._validation = _mean(self._validation or None, event.seconds, _VALIDATION_MEMORY)
            return
        self._spent += event.seconds
        if not self._is_first:  # the first update also loads libraries and compiles
            self._update = _mean(self._update, event.seconds, LOSS_MEMORY)
        self._is_first = False

    @property
    def seconds(self) -> float | None:
        """The estimate for the steps, the time limit and the validations that are left; None before the second update."""
        settings, steps = self._settings, self._settings.steps - self._step
        if self._update is None or steps < 0:
            return None
        if settings.max_minutes is not None:
            steps = min(steps, max(0, int((60 * settings.max_minutes - self._spent) / max(self._update, 1e-9))))
        last = self._step + steps
        # Rounded up, since training ends with a validation.
        num_validations = -(-last // settings.validate_every) - self._step // settings.validate_every
        return steps * self._update + num_validations * self._validation

    def progress(self, step: int) -> str:
        """Return the step, the total and the time left in words, as far as they are known."""
        if step > self._settings.steps:  # the run was resumed with more steps
            return f"step {step:,}"
        seconds = self.seconds
        left = "" if seconds is None or step == self._settings.steps else f", {duration(seconds)} left"
        return f"step {step:,} of {self._settings.steps:,}{left}"


def _mean(mean: float | None, value: float, memory: float) -> float:
    return value if mean is None else memory * mean + (1 - memory) * value


def duration(seconds: float) -> str:
    """Return a duration in words, in one or two units."""
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if seconds >= size:
            whole, rest = divmod(round(seconds / part), size // part)
            return f"{whole} {unit} {rest} {smaller}"
    return f"{seconds / 60:.0f} min" if seconds >= 59.5 else f"{seconds:.0f} s"
