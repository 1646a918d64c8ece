"""Progress of long work: a bar on a terminal or in a notebook, lines elsewhere."""

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from translator.cli.console import SAMPLE_LABELS, can_redraw, ignore_closed_stderr, notify
from translator.text.visible import unbroken, visible

if TYPE_CHECKING:
    from translator.config import Config
    from translator.report.time_left import TimeLeft
    from translator.training.progress import Progress, Report, Validation

_Item = TypeVar("_Item")
_REDRAW_SECONDS = 0.1
_BAR_WIDTH = 16


class _Bar(Protocol):
    """A progress bar with a text beside it, and lines of text above or below it."""

    def update(self, completed: int, text: str) -> None: ...

    def write(self, line: str) -> None: ...

    def close(self) -> None: ...


class _TerminalBar:
    """A bar in the last row of a terminal; without a total it moves back and forth and disappears at the end."""

    def __init__(self, total: int | None, completed: int, text: str = "") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        text_column = TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        )
        columns = [BarColumn(_BAR_WIDTH), text_column, *([TimeElapsedColumn()] if total is None else [])]
        self._progress = Progress(
            *columns,
            console=Console(stderr=True),
            redirect_stdout=False,
            redirect_stderr=False,
            transient=total is None,
        )
        self._task = self._progress.add_task(visible(unbroken(text)), total=total, completed=completed)
        self._progress.start()

    def update(self, completed: int, text: str) -> None:
        self._progress.update(self._task, completed=completed, description=visible(unbroken(text)))

    def write(self, line: str) -> None:
        with ignore_closed_stderr():
            self._progress.console.print(visible(line), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def close(self) -> None:
        with ignore_closed_stderr():
            self._progress.stop()


class _NotebookBar:
    """A bar in the output of a notebook cell, redrawn in place without widgets."""

    def __init__(self, total: int, completed: int) -> None:
        from IPython.display import display

        self._total = total
        self._handle = display(self._draw(completed, ""), display_id=True)

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


class Display:
    """Messages on standard error, and on a terminal what is being done."""

    def __init__(self, name: str = "") -> None:
        """`name` tells several runs apart; texts about progress begin with it."""
        self.name = f"{name}: " if name else ""
        self.bar: _Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bar if there is one."""
        if self.bar is not None:
            self.bar.close()
        self.bar = None

    def notify(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.bar is not None:
            self.bar.write(unbroken(text))
        elif in_notebook():  # where standard error looks like a fault
            sys.stdout.write(f"{visible(unbroken(text))}\n")
        else:
            notify(text)

    def working(self, text: str) -> None:
        """Show what is being done until the next call of a method."""
        if self.bar is not None:
            self.bar.update(0, f"{self.name}{text}")
        elif can_redraw() and not in_notebook():
            self.bar = _TerminalBar(None, 0, f"{self.name}{text}")


class TrainingDisplay(Display):
    """A `TrainingObserver` that shows a progress bar where one can be drawn, and elsewhere a line every `log_every` updates."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.total = self.every = 1
        self.step = 0
        self.tokens, self.seconds, self.drawn_at = 0, 0.0, 0.0
        self.time_left: TimeLeft | None = None

    def working(self, text: str) -> None:
        """Show what is being done, beside the bar if training has begun."""
        if self.bar is not None and self.time_left is not None:
            self.bar.update(self.step, f"{self.name}{self.time_left.progress(self.step)}, {text}")
        else:
            super().working(text)

    def began(self, progress: "Progress", config: "Config") -> None:
        """Draw the progress bar where one can be drawn."""
        from translator.report.time_left import TimeLeft

        self.close()
        self.total, self.every, self.step = config.training.steps, config.training.log_every, progress.step
        self.time_left = TimeLeft(config.training)
        if in_notebook():
            self.bar = _NotebookBar(self.total, progress.step)
        elif can_redraw():
            self.bar = _TerminalBar(self.total, progress.step)

    def updated(self, report: "Report") -> None:
        """Advance the bar, or print a line if one is due."""
        if self.time_left is None:
            return
        self.time_left.add(report)
        self.step = report.step
        self.tokens, self.seconds = self.tokens + report.num_tokens, self.seconds + report.seconds
        speed, is_last = self.tokens / max(self.seconds, 1e-9), report.step == self.total
        if self.bar is not None:
            if (now := time.monotonic()) - self.drawn_at >= _REDRAW_SECONDS or is_last:
                loss = f"training loss {report.loss:.3f}  {speed:,.0f} tokens/s  {_memory()}"
                self.bar.update(report.step, f"{self.name}{self.time_left.progress(report.step)}  {loss}")
                self.drawn_at = now
        elif report.step % self.every == 0 or is_last:
            notify(
                f"{self.name}{self.time_left.progress(report.step)}  epoch {report.epoch + 1}  "
                f"training loss {report.loss:.4f}  learning rate {report.learning_rate:.2e}  "
                f"{speed:,.0f} target tokens/s  {_memory()}"
            )
            self.tokens, self.seconds = 0, 0.0

    def validated(self, validation: "Validation") -> None:
        """Print the scores and some translations."""
        if self.time_left is not None:
            self.time_left.add(validation)
        best = "  (best so far)" if validation.is_best else ""
        self.notify(
            f"step {validation.step}  validation cross-entropy {validation.cross_entropy:.4f}  "
            f"perplexity {validation.perplexity:.3g}  BLEU {validation.bleu:.2f}{best}  [{time.strftime('%H:%M:%S')}]"
        )
        for sample in validation.samples:
            for label, text in zip(SAMPLE_LABELS, sample, strict=True):
                self.notify(f"    {label:<11} {text}")


def _memory() -> str:
    """Return the peak memory of this process, and of the GPU that it uses."""
    import torch

    from translator.ops.memory import peak_memory

    uses_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return str(peak_memory(torch.device("cuda" if uses_gpu else "cpu")))


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
