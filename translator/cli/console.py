"""What the commands show: results on standard output; notices, errors and the progress of a training on standard error.

Text from a corpus, a model or a file name goes through `visible` and never through rich's markup.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TextIO, TypeVar

from translator.text.visible import CONTROL, plain_value, unbroken, visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from translator.config import Config
    from translator.jobs.train.events import Validation
    from translator.training.progress import Progress, Report

LONGEST = 4000
"""Characters of a line on standard error."""
PAGE_WIDTH = 80
"""Columns of a picture that does not go to a terminal."""
Item = TypeVar("Item")


def as_json(record: object, indent: int | None = None) -> str:
    """The record as JSON that a terminal may show: its control characters are escaped, its letters are not."""
    text = json.dumps(plain_value(record), indent=indent, ensure_ascii=False, allow_nan=False)
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str) -> None:
    """Results on standard output: as they are in files and pipes, made visible, and seen at once, on a terminal."""
    on_terminal = sys.stdout.isatty()
    sys.stdout.write((visible(text) if on_terminal else text) + "\n")
    if on_terminal or is_lively():
        sys.stdout.flush()


def notify(text: str) -> None:
    """A line on standard error."""
    with nobody_there():
        sys.stderr.write(shortened(visible(unbroken(text))) + "\n")
        sys.stderr.flush()


@contextmanager
def nobody_there() -> Iterator[None]:
    """Where standard error cannot be written in here, nobody is there to be told, from now on."""
    try:
        yield
    except OSError:
        silence(sys.stderr)


def shortened(line: str) -> str:
    """The line without the middle of what nobody would read; what to do stands at its end."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def silence(stream: TextIO) -> None:
    """Let what is still buffered, and all that follows, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(text: str) -> None:
    """An error on standard error."""
    notify(f"error: {text}")


def is_lively(stream: TextIO | None = None) -> bool:
    """Whether a stream, by default standard error, is a terminal that can redraw a line."""
    return (stream or sys.stderr).isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ


@contextmanager
def counted(items: Iterator[Item], *, shown: bool) -> Iterator[Iterator[Item]]:
    """The items, with a running count and speed on standard error where it is a terminal and `shown` says so."""
    if not (shown and is_lively()):
        yield items
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} lines"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield iter(bar.track(items, total=None))


class TrainingDisplay(AbstractContextManager["TrainingDisplay"]):
    """A `Watcher` for people: a progress bar on a terminal, a line every so often elsewhere."""

    def __init__(self) -> None:
        self.bar: Bar | None = None
        self.task: TaskID | None = None
        self.total = self.every = 1
        self.tokens, self.seconds = 0, 0.0

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            with nobody_there():
                self.bar.stop()

    def notify(self, text: str) -> None:
        """A line above the bar."""
        if self.bar is None:
            notify(text)
            return
        line = visible(unbroken(text))
        with nobody_there():
            self.bar.console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def began(self, progress: "Progress", config: "Config") -> None:
        """Draw the bar, if there is a terminal."""
        self.total, self.every = config.training.steps, config.training.log_every
        if not is_lively():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=False)
        self.task = self.bar.add_task("", total=self.total, completed=progress.step)
        self.bar.start()

    def updated(self, report: "Report") -> None:
        """Move the bar, or print a line when one is due."""
        self.tokens, self.seconds = self.tokens + report.num_tokens, self.seconds + report.seconds
        speed = self.tokens / max(self.seconds, 1e-9)
        if self.bar is not None and self.task is not None:
            text = f"loss {report.loss:.3f}  {speed:,.0f} tokens/s"
            self.bar.update(self.task, completed=report.step, description=text)
        elif report.step % self.every == 0 or report.step == self.total:
            notify(
                f"step {report.step}/{self.total}  epoch {report.epoch + 1}  loss {report.loss:.4f}  "
                f"learning rate {report.learning_rate:.2e}  {speed:,.0f} target tokens/s"
            )
            self.tokens, self.seconds = 0, 0.0

    def validated(self, validation: "Validation") -> None:
        """The scores and a few translations."""
        best = "  (best so far)" if validation.is_best else ""
        self.notify(
            f"step {validation.step}  validation loss {validation.loss:.4f}  BLEU {validation.bleu:.2f}{best}  "
            f"[{time.strftime('%H:%M:%S')}]"
        )
        for sample in validation.samples:
            self.notify(f"    source      {sample.source}")
            self.notify(f"    model       {sample.hypothesis}")
            self.notify(f"    reference   {sample.reference}")
