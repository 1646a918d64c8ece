"""What `train` is asked for, resolved to a config and a run folder."""

from collections.abc import Sequence
from pathlib import Path

from translator.config import Config, load_config, run_name
from translator.config_files import find_config
from translator.jobs.train.fine_tuning import fine_tuning_config
from translator.jobs.train.given_corpus import GivenCorpus
from translator.runs import RUNS
from translator.runs.lookup import find_run


def plan_run(
    config: str | None, corpus: GivenCorpus, overrides: Sequence[str], *, start_from: str | None, output: Path | None
) -> tuple[Config, Path]:
    """Return the config and the folder of a run on this corpus, with these overrides.

    With `start_from`, the settings are those of a finished run. Without a config they are those of `auto` for a given corpus,
    otherwise of `demo`. The folder is named for the config, if one is given, the corpus and the overrides.
    """
    changes = [*corpus.overrides, *overrides]
    if start_from is not None:
        first = Path(start_from)
        loaded, name = fine_tuning_config(find_run(first), changes), f"{first.name}-tuned"
    else:
        path = find_config(config or ("auto" if corpus.name else "demo"))
        loaded, name = load_config(path, changes), "" if corpus.name and not config else path.stem
    name = "-".join(filter(None, [name, corpus.name]))
    return loaded, output or RUNS / run_name(name, [*corpus.named, *overrides])
