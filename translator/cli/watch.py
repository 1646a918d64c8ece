"""`translator watch`: show the progress of a run from its journal, while it trains or afterwards."""

import sys
import time
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import PAGE_WIDTH, SAMPLE_LABELS, can_redraw, print_result, warn
from translator.cli.options import option
from translator.cli.tables import render
from translator.errors import UsageError, expected_name
from translator.report.tables import Results
from translator.text.visible import unbroken, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from translator.jobs.show.watch import State, WatchedRun
    from translator.runs.folder import RunFolder

_MIN_WIDTH, _TWO_CHARTS_WIDTH, _MAX_WIDTH = 20, 72, 100
"""Columns of the screen: the fewest that are used, how many two charts side by side need, and the most that are used."""
_MIN_CHART_LINES, _MAX_CHART_LINES = 1, 12
_SAMPLE_LINES = 4
"""Lines below the charts that are kept free for samples: enough for one sample."""
_REFRESH_SECONDS = 1.0
_TORN = "the last line is incomplete and was ignored"

_Runs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RUN",
        help="Folder or name of a run; several runs with --format csv. Also as --run.",
        show_default="the run that was updated last",
    ),
]
_Format = Annotated[str, option("text|csv", "csv prints everything that was recorded, one line per step.", "--format")]


def watch(runs: _Runs = None, form: _Format = "text") -> None:
    """Show the progress of a training run.

    On a terminal, curves and sample translations are shown until training ends or you press Ctrl-C. Elsewhere a table is
    printed once. Only the journal is read, so runs of other processes and finished runs can be watched too.

    The training loss includes label smoothing. Cross-entropy, perplexity and BLEU are measured on the validation sentences;
    perplexity, exp(cross-entropy), is the number of equally probable tokens among which the model would be equally uncertain.

    \b
    Examples:
      translator watch
      translator watch runs/demo
      translator watch runs/demo | less
      translator watch demo demo-additive --format csv > curves.csv
    """
    from translator.jobs.show.watch import WatchedRun
    from translator.report.terminal import table
    from translator.runs.lookup import find_run, newest_run

    folders = [find_run(run) for run in runs] if runs else [newest_run()]
    if form == "csv":
        _print_csv(folders)
        return
    if form != "text":
        raise UsageError("--format", f"found {form!r}, expected {expected_name(form, ('text', 'csv'))}")
    if len(folders) > 1:
        raise UsageError("watch", f"found {len(folders)} runs, expected 1", "name one, or add --format csv")
    watched = WatchedRun(folders[0])
    state = watched.refresh()
    if can_redraw(sys.stdout):
        _show_live(watched, state)
    else:
        lines = [_title(watched, state), "", *table(watched.curves), *_sample_lines(watched, PAGE_WIDTH)]
        print_result("\n".join(lines))
    if watched.reader.is_torn and not state.is_running:
        warn(f"{watched.reader.path}: {_TORN}")


def _print_csv(runs: "Sequence[RunFolder]") -> None:
    """Print the learning curves of runs, one row per step."""
    from translator.jobs.show.curves import curve_rows
    from translator.runs.folder import JOURNAL
    from translator.training.journal import read_journal

    rows = []
    for run in runs:
        run.require_run()
        events, is_torn = read_journal(run.path / JOURNAL)
        if is_torn:
            warn(f"{run.path / JOURNAL}: {_TORN}")
        if not events:
            warn(f"{run.place}: no updates are recorded")
        rows += curve_rows(run, events)
    print_result(render(Results([], {}, rows), "csv"))


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
    # One space between two charts.
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
