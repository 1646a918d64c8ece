"""Output of the commands: results on standard output; messages and training progress on standard error.

Text from a corpus, a model or a file name goes through `visible` and never through rich's markup.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from translator.text.visible import CONTROL, plain_value, unbroken, visible

if TYPE_CHECKING:
    from rich.progress import Progress as ProgressBar
    from rich.progress import TaskID

    from translator.config import Config
    from translator.training.progress import Progress, Report, Validation

PAGE_WIDTH = 80
"""Columns of text pictures that do not go to a terminal."""
SAMPLE_LABELS = ("source", "model", "reference")
_MAX_MESSAGE_CHARACTERS = 4000
_Item = TypeVar("_Item")


def as_json(record: object, indent: int | None = None) -> str:
    """Return the record as JSON with control characters escaped, so that it can be shown on a terminal."""
    text = json.dumps(plain_value(record), indent=indent, ensure_ascii=False, allow_nan=False)
    return CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_result(text: str) -> None:
    """Print to standard output; on a terminal, control characters are shown and the output is flushed."""
    on_terminal = sys.stdout.isatty()
    sys.stdout.write((visible(text) if on_terminal else text) + "\n")
    if on_terminal or can_redraw():
        sys.stdout.flush()


def print_path(path: Path) -> None:
    """Print a path to standard output; on a terminal on one line, even if a name in it contains line feeds."""
    print_result(unbroken(str(path)) if sys.stdout.isatty() else str(path))


def notify(text: str) -> None:
    """Print one line to standard error; a very long line is shortened in the middle, because its end says what to do."""
    line = visible(unbroken(text))
    if len(line) > _MAX_MESSAGE_CHARACTERS:
        line = f"{line[: _MAX_MESSAGE_CHARACTERS // 2]} ... {line[-_MAX_MESSAGE_CHARACTERS // 2 :]}"
    with _ignore_closed_stderr():
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def warn(text: str) -> None:
    """Print a warning to standard error."""
    notify(f"warning: {text}")


def print_error(text: str) -> None:
    """Print an error to standard error."""
    notify(f"error: {text}")


@contextmanager
def _ignore_closed_stderr() -> Iterator[None]:
    try:
        yield
    except OSError:
        discard_output(sys.stderr)


def discard_output(stream: TextIO) -> None:
    """Send what the stream has buffered, and everything written to it from now on, to the null device."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def can_redraw(stream: TextIO | None = None) -> bool:
    """Return whether a stream, by default standard error, is a terminal that can redraw a line."""
    return (stream or sys.stderr).isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ


@contextmanager
def count_lines(items: Iterator[_Item], enabled: bool) -> Iterator[Iterator[_Item]]:
    """Yield the items while a counter runs on standard error, if enabled and if that is a terminal."""
    if not (enabled and can_redraw()):
        yield items
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} lines"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield iter(bar.track(items, total=None))


class TrainingDisplay(AbstractContextManager["TrainingDisplay"]):
    """A `TrainingObserver` that shows a progress bar on a terminal, and elsewhere prints a line every `log_every` updates."""

    def __init__(self) -> None:
        self.bar: ProgressBar | None = None
        self.task: TaskID | None = None
        self.total = self.every = 1
        self.tokens, self.seconds = 0, 0.0

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            with _ignore_closed_stderr():
                self.bar.stop()

    def notify(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.bar is None:
            notify(text)
            return
        line = visible(unbroken(text))
        with _ignore_closed_stderr():
            self.bar.console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def began(self, progress: "Progress", config: "Config") -> None:
        """Draw the progress bar if standard error is a terminal."""
        self.total, self.every = config.training.steps, config.training.log_every
        if not can_redraw():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=False)
        self.task = self.bar.add_task("", total=self.total, completed=progress.step)
        self.bar.start()

    def updated(self, report: "Report") -> None:
        """Advance the bar, or print a line if one is due."""
        self.tokens, self.seconds = self.tokens + report.num_tokens, self.seconds + report.seconds
        speed = self.tokens / max(self.seconds, 1e-9)
        if self.bar is not None and self.task is not None:
            text = f"training loss {report.loss:.3f}  {speed:,.0f} tokens/s"
            self.bar.update(self.task, completed=report.step, description=text)
        elif report.step % self.every == 0 or report.step == self.total:
            notify(
                f"step {report.step}/{self.total}  epoch {report.epoch + 1}  training loss {report.loss:.4f}  "
                f"learning rate {report.learning_rate:.2e}  {speed:,.0f} target tokens/s"
            )
            self.tokens, self.seconds = 0, 0.0

    def validated(self, validation: "Validation") -> None:
        """Print the scores and some translations."""
        best = "  (best so far)" if validation.is_best else ""
        self.notify(
            f"step {validation.step}  validation cross-entropy {validation.cross_entropy:.4f}  "
            f"perplexity {validation.perplexity:.3g}  BLEU {validation.bleu:.2f}{best}  [{time.strftime('%H:%M:%S')}]"
        )
        for sample in validation.samples:
            for label, text in zip(SAMPLE_LABELS, sample, strict=True):
                self.notify(f"    {label:<11} {text}")
