"""The runs of a folder, a line each: state, model, score, what was changed, and size."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from translator.config import Config, differences, flatten, load_config
from translator.config_files import find_config
from translator.errors import TranslatorError
from translator.jobs.show.watch import WatchedRun
from translator.report.curves import CURVES
from translator.runs.folder import RunFolder
from translator.runs.lookup import runs_in
from translator.storage.folders import walk

_SUFFIX = re.compile(r"-(?:[0-9a-f]{8}|seed\d+)$")
"""What the name of a run has after that of its config: a digest of the changes, or its seed."""


class RunSummary(NamedTuple):
    """A line of the list of runs."""

    name: str
    state: str
    architecture: str = ""
    bleu: float | None = None  # on the validation sentences
    changes: str = ""  # from the config of the same name
    num_bytes: int = 0  # on the disk


def summaries(root: Path) -> list[RunSummary]:
    """Return all runs in a folder, the one that was written last first."""
    return [_summary(run) for run in sorted(runs_in(root), key=lambda run: -run.written_at)]


def _summary(run: RunFolder) -> RunSummary:
    num_bytes = sum(path.stat().st_size for path in walk(run.path) if path.is_file())
    try:
        config, watched = run.config(), WatchedRun(run)
        if run.is_finished and (record := run.finish_record()).step >= watched.step:
            state, bleu = f"finished, step {record.step:,}", record.validation_bleu
        else:
            ongoing = watched.refresh()
            best = watched.curves[CURVES["bleu"].label].ends[1:2]
            state = f"{'training' if ongoing.is_running else 'stopped'}, step {watched.step:,}"
            bleu = best[0].value if best else None
    except TranslatorError as error:
        return RunSummary(run.path.name, f"damaged: {error.problem}", num_bytes=num_bytes)
    changes = ", ".join(_changes(run.path.name, config))
    return RunSummary(run.path.name, state, config.architecture, bleu, changes, num_bytes)


def _changes(name: str, config: Config) -> Iterator[str]:
    """Yield the settings that differ from those of the config that the run is named after, if there is one."""
    try:
        original = load_config(find_config(_SUFFIX.sub("", name)))
    except TranslatorError:
        return
    for key, _, value in differences(flatten(original), flatten(config), may_change=frozenset()):
        yield f"{key}={value}"
