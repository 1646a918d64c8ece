"""`translator watch`: how a training goes, from the journal of any run, while it lasts or afterwards."""

import sys
import time
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import PAGE_WIDTH, is_lively, notify, say
from translator.cli.options import RUNS
from translator.text.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

    from translator.jobs.show.watch import State, Watched

CHARTS = (("loss", "validation loss"), ("BLEU",), ("learning rate",), ("target tokens/s",))
NARROWEST, TWO_ABREAST, WIDEST = 20, 72, 100
"""Columns that the picture needs, from how many on two charts stand side by side, and how many it takes at most."""
LOWEST, HIGHEST = 2, 12
"""Lines of a chart."""
SAMPLE_LINES = 4
"""Lines that the charts leave to samples: one of them."""
SECONDS = 1.0


def watch(
    run: Annotated[Path | None, typer.Argument(help="Run folder; default: the one that was written to last.")] = None,
) -> None:
    """Show how a training goes: curves and samples until it ends on a terminal, else a table of where it stands.

    It only reads the journal, so it can watch the training of another process, and one that ended. Ctrl-C leaves.

    \b
    Examples:
      translator watch
      translator watch runs/demo
      translator watch runs/demo | less
    """
    from translator.jobs.show.watch import Watched
    from translator.runs.folder import RunFolder, newest_run

    watched = Watched(RunFolder(run) if run else newest_run(RUNS))
    state = watched.look()
    if is_lively(sys.stdout):
        follow(watched, state)
    else:
        say(plain_text(watched, state))
    if watched.reader.is_torn and not state.is_running:
        notify(f"{watched.reader.path}: the last line is torn and not used")


def follow(watched: "Watched", state: "State") -> None:
    """Draw anew every second until the training ends or Ctrl-C; the last picture stays."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    try:
        if state.is_running:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while state.is_running:
                    live.update(Text("\n").join(picture(watched, state, *console.size)), refresh=True)
                    time.sleep(SECONDS)
                    state = watched.look()
    finally:
        for line in picture(watched, state, *console.size):
            console.print(line, no_wrap=True, crop=True)


def picture(watched: "Watched", state: "State", width: int, height: int) -> "list[Text]":
    """All of it as lines for so many columns and rows, the last row left free."""
    from rich.text import Text

    from translator.report.curves import chart

    width = min(max(width, NARROWEST), WIDEST)
    abreast = 2 if width >= TWO_ABREAST else 1
    chart_width = (width - abreast + 1) // abreast
    samples = [Text(line) for line in sample_lines(watched, width)]
    lines = [Text(line) for line in wrap(title(watched, state), width)]
    share = (height - 1 - len(lines) - min(len(samples), SAMPLE_LINES)) * abreast // len(CHARTS)
    area = chart_width, min(max(share - 1, LOWEST), HIGHEST)
    for first in range(0, len(CHARTS), abreast):
        drawn = [
            chart({name: watched.curves[name] for name in names}, *area, watched.step)
            for names in CHARTS[first : first + abreast]
        ]
        for parts in zip(*drawn, strict=True):
            for part in parts:
                part.align("left", chart_width)
            lines.append(Text(" ").join(parts))
    return [*lines, *samples][: height - 1]


def title(watched: "Watched", state: "State") -> str:
    """Which run it is, and where it stands."""
    return visible(f"{watched.run.path}: {state.text}")


def sample_lines(watched: "Watched", width: int) -> list[str]:
    """What the model made of some validation sentences the last time, a blank line before each."""
    from translator.report.heat_map import cells

    lines = []
    for sample in watched.samples:
        lines.append("")
        for label, name in (("source", "source"), ("model", "hypothesis"), ("reference", "reference")):
            lines.append(f"{label:<10}" + "".join(cells(sample.get(name, ""), width - 10)))
    return lines


def plain_text(watched: "Watched", state: "State") -> str:
    """The same as a table."""
    from translator.report.curves import table

    return "\n".join([title(watched, state), "", *table(watched.curves), *sample_lines(watched, PAGE_WIDTH)])
