"""What `train` is asked for, resolved to a config and a run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from translator.config import Config, load_config, run_name
from translator.config_files import find_config
from translator.jobs.train.fine_tuning import fine_tuning_config
from translator.jobs.train.given_corpus import GivenCorpus
from translator.runs import RUNS
from translator.runs.lookup import find_run


class PlannedRun(NamedTuple):
    """A run to train or to resume."""

    config: Config
    folder: Path


def plan_run(
    config: str | None, corpus: GivenCorpus, overrides: Sequence[str], *, start_from: str | None, output: Path | None
) -> PlannedRun:
    """Return the settings of a config, or of the run to start from, with this corpus and these overrides.

    The folder is named for the config, the corpus and what is overridden. Without a config, it is `auto` for a given corpus,
    whose name is then enough for the folder, and `demo` otherwise.
    """
    changes = [*corpus.overrides, *overrides]
    if start_from is not None:
        first = Path(start_from)
        loaded, name = fine_tuning_config(find_run(first), changes), f"{first.name}-tuned"
    else:
        path = find_config(config or ("auto" if corpus.name else "demo"))
        loaded, name = load_config(path, changes), "" if corpus.name and not config else path.stem
    name = "-".join(filter(None, [name, corpus.name]))
    return PlannedRun(loaded, output or RUNS / run_name(name, [*corpus.named, *overrides]))
