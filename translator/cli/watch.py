"""`translator watch`: show the progress of a run from its journal, while it trains or afterwards."""

import sys
import time
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import PAGE_WIDTH, SAMPLE_LABELS, can_redraw, print_result, warn
from translator.text.visible import unbroken, visible

if TYPE_CHECKING:
    from rich.text import Text

    from translator.jobs.show.watch import State, WatchedRun

_MIN_WIDTH, _TWO_CHARTS_WIDTH, _MAX_WIDTH = 20, 72, 100
"""Columns of the screen: the fewest that are used, how many two charts side by side need, and the most that are used."""
_MIN_CHART_LINES, _MAX_CHART_LINES = 1, 12
_SAMPLE_LINES = 4
"""Lines below the charts that are kept free for samples: enough for one sample."""
_REFRESH_SECONDS = 1.0

_Run = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN", help="Folder or name of a run; also as --run.", show_default="the run that was updated last"
    ),
]


def watch(run: _Run = None) -> None:
    """Show the progress of a training run.

    On a terminal, curves and sample translations are shown until training ends or you press Ctrl-C. Elsewhere a table is
    printed once. Only the journal is read, so runs of other processes and finished runs can be watched too.

    The training loss includes label smoothing. Cross-entropy, perplexity and BLEU are measured on the validation sentences;
    perplexity, exp(cross-entropy), is the number of equally probable tokens between which the model would be as uncertain.

    \b
    Examples:
      translator watch
      translator watch runs/demo
      translator watch runs/demo | less
    """
    from translator.jobs.show.watch import WatchedRun
    from translator.report.terminal import table
    from translator.runs.lookup import find_run, newest_run

    watched = WatchedRun(find_run(run) if run else newest_run())
    state = watched.refresh()
    if can_redraw(sys.stdout):
        _show_live(watched, state)
    else:
        lines = [_title(watched, state), "", *table(watched.curves), *_sample_lines(watched, PAGE_WIDTH)]
        print_result("\n".join(lines))
    if watched.reader.is_torn and not state.is_running:
        warn(f"{watched.reader.path}: the last line is incomplete and was ignored")


def _show_live(watched: "WatchedRun", state: "State") -> None:
    """Redraw the screen every second until training ends or Ctrl-C is pressed; the last screen stays visible."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    try:
        if state.is_running:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while state.is_running:
                    live.update(Text("\n").join(screen(watched, state, *console.size)), refresh=True)
                    time.sleep(_REFRESH_SECONDS)
                    state = watched.refresh()
    finally:
        for line in screen(watched, state, *console.size):
            console.print(line, no_wrap=True, crop=True)


def screen(watched: "WatchedRun", state: "State", width: int, height: int) -> "list[Text]":
    """Return the title, the charts and the samples as lines that fit the terminal, leaving its last row free."""
    from rich.text import Text

    from translator.report.terminal import chart

    width = min(max(width, _MIN_WIDTH), _MAX_WIDTH)
    per_row = 2 if width >= _TWO_CHARTS_WIDTH else 1
    chart_width = (width - per_row + 1) // per_row
    samples = [Text(line) for line in _sample_lines(watched, width)]
    lines = [Text(line) for line in wrap(_title(watched, state), width)]
    free_lines = height - 1 - len(lines) - min(len(samples), _SAMPLE_LINES)
    rows = [list(watched.curves.items())[first : first + per_row] for first in range(0, len(watched.curves), per_row)]
    chart_lines = free_lines // len(rows) - 1  # below a line of labels
    area = chart_width, min(max(chart_lines, _MIN_CHART_LINES), _MAX_CHART_LINES)
    for row in rows:
        charts = [chart(name, curve, *area, watched.step) for name, curve in row]
        for parts in zip(*charts, strict=True):
            for part in parts:
                part.align("left", chart_width)
            lines.append(Text(" ").join(parts))
    return [*lines, *samples][: height - 1]


def _title(watched: "WatchedRun", state: "State") -> str:
    return unbroken(visible(f"{watched.run.place}: {state.text}"))


def _sample_lines(watched: "WatchedRun", width: int) -> list[str]:
    """Return the latest translations of some validation sentences, each below a blank line."""
    from translator.report.heat_map import cells

    lines = []
    for sample in watched.samples:
        lines.append("")
        for label, text in zip(SAMPLE_LABELS, sample, strict=True):
            lines.append(f"{label:<10}" + "".join(cells(text, width - 10)))
    return lines
