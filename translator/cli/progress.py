"""Progress of long work: a bar on a terminal or in a notebook, lines elsewhere."""

import html
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from translator.cli.console import SAMPLE_LABELS, can_redraw, ignore_closed_stderr, notify
from translator.text.visible import unbroken, visible

if TYPE_CHECKING:
    from translator.config import Config
    from translator.training.progress import Progress, Report, Validation

_Item = TypeVar("_Item")
_REDRAW_SECONDS = 0.1


class _Bar(Protocol):
    """A progress bar with a text beside it, and lines of text above or below it."""

    def update(self, completed: int, text: str) -> None: ...

    def write(self, line: str) -> None: ...

    def close(self) -> None: ...


class _TerminalBar:
    """A bar in the last row of a terminal."""

    def __init__(self, total: int, completed: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), redirect_stdout=False)
        self._task = self._progress.add_task("", total=total, completed=completed)
        self._progress.start()

    def update(self, completed: int, text: str) -> None:
        self._progress.update(self._task, completed=completed, description=text)

    def write(self, line: str) -> None:
        with ignore_closed_stderr():
            self._progress.console.print(visible(line), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def close(self) -> None:
        with ignore_closed_stderr():
            self._progress.stop()


class _NotebookBar:
    """A bar in the output of a notebook cell, drawn again in place; needs no widgets."""

    def __init__(self, total: int, completed: int) -> None:
        from IPython.display import display

        self._total, self._handle = total, display(self._draw(completed, ""), display_id=True)

    def _draw(self, completed: int, text: str) -> Any:
        from IPython.display import HTML

        return HTML(f"<progress value={completed} max={self._total}></progress> {html.escape(visible(text))}")

    def update(self, completed: int, text: str) -> None:
        self._handle.update(self._draw(completed, text))

    def write(self, line: str) -> None:
        sys.stdout.write(f"{visible(line)}\n")

    def close(self) -> None:
        sys.stdout.flush()


def in_notebook() -> bool:
    """Return whether this code runs in a cell of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class TrainingDisplay(AbstractContextManager["TrainingDisplay"]):
    """A `TrainingObserver` that shows a progress bar where one can be drawn, and elsewhere a line every `log_every` updates."""

    def __init__(self) -> None:
        self.bar: _Bar | None = None
        self.total = self.every = 1
        self.tokens, self.seconds, self.drawn_at = 0, 0.0, 0.0

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def notify(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.bar is not None:
            self.bar.write(unbroken(text))
        elif in_notebook():  # where standard error looks like a fault
            sys.stdout.write(f"{visible(unbroken(text))}\n")
        else:
            notify(text)

    def began(self, progress: "Progress", config: "Config") -> None:
        """Draw the progress bar if there is a place for it."""
        self.total, self.every = config.training.steps, config.training.log_every
        if in_notebook():
            self.bar = _NotebookBar(self.total, progress.step)
        elif can_redraw():
            self.bar = _TerminalBar(self.total, progress.step)

    def updated(self, report: "Report") -> None:
        """Advance the bar, or print a line if one is due."""
        self.tokens, self.seconds = self.tokens + report.num_tokens, self.seconds + report.seconds
        speed = self.tokens / max(self.seconds, 1e-9)
        if self.bar is not None:
            if (now := time.monotonic()) - self.drawn_at >= _REDRAW_SECONDS or report.step == self.total:
                self.bar.update(report.step, f"training loss {report.loss:.3f}  {speed:,.0f} tokens/s")
                self.drawn_at = now
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
