"""`translator runs`: list the runs in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli import options
from translator.cli.console import as_json, notify, print_result
from translator.cli.tables import aligned
from translator.report.tables import number
from translator.runs import RUNS


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder with runs.")] = RUNS,
    json: options.Json = False,
) -> None:
    """List runs with their state, score and changed settings.

    Changed settings are those that differ from the config that the run is named after.

    \b
    Examples:
      translator runs
      translator runs runs/story --json
    """
    from translator.jobs.show.runs import summaries

    found = summaries(folder)
    if json:
        print_result(as_json(found, indent=1))
        return
    if not found:
        notify(f"{folder}: no runs; create one with `translator train`")
        return
    head = ("run", "state", "architecture", "validation BLEU", "size", "changes")
    cells = [
        (run.name, run.state, run.architecture, number(run.bleu, 1), f"{run.num_bytes / 1e6:,.0f} MB", run.changes)
        for run in found
    ]
    print_result("\n".join(aligned(head, cells)))
