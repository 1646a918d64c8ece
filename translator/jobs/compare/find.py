"""Find the runs that a comparison is about, by name, or by a config whose missing runs are trained first."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import torch

from translator.config_files import find_config, suggest_config
from translator.errors import ModelError, UsageError
from translator.jobs.compare.train_missing import PlannedRun, plan_runs, train_missing
from translator.jobs.train.events import TrainingObserver
from translator.runs import RUNS
from translator.runs.folder import RunFolder
from translator.runs.lookup import find_run, suggest_run
from translator.runs.packed import SUFFIX


def find_runs(
    names: Sequence[str],
    *,
    seeds: int,
    skipped: Callable[[str], None] | None,
    device: torch.device,
    open_observer: Callable[[str], AbstractContextManager[TrainingObserver]],
) -> list[RunFolder]:
    """Return the named runs and `seeds` finished runs of each named config, training those that are missing.

    Missing and damaged runs are reported to `skipped` or, without it, raise ModelError.
    """
    if len(names) < 2:
        raise UsageError("compare", f"found {len(names)} run, expected at least 2", "name two runs or configs")
    models: list[RunFolder | Path] = []
    for name in names:
        try:
            model = find_run_or_config(name)
            if isinstance(model, RunFolder):
                model.require_finished()
                model.config()
            models.append(model)
        except ModelError as error:
            if skipped is None:
                raise
            skipped(f"skipped: {error}")
    if seeds > 1 and (run := next((model for model in models if isinstance(model, RunFolder)), None)):
        raise UsageError(str(run.path), "is a run, which has one seed", "name configs, or omit --seeds")
    if len(models) < 2:
        problem = f"{len(models)} of {len(names)} runs are usable, expected at least 2"
        raise ModelError("compare", problem, "name other runs")
    runs: list[RunFolder] = []
    planned: list[PlannedRun] = []
    for model in models:
        plans = [] if isinstance(model, RunFolder) else plan_runs(model, RUNS, num_seeds=seeds)
        runs += [model] if isinstance(model, RunFolder) else [plan.run for plan in plans]
        planned += plans
    train_missing(planned, device=device, open_observer=open_observer)
    return runs


def find_run_or_config(name: str) -> RunFolder | Path:
    """Return the run at this path, or the config at this path or of this name, or the run of this name."""
    path = Path(name)
    if path.is_dir() or path.suffix == SUFFIX:
        return find_run(name)
    with suppress(UsageError):
        return find_config(name)
    with suppress(ModelError):
        return find_run(name)
    if len(path.parts) > 1:
        raise ModelError(name, "no such run or config", suggest_run(path))
    advice = [text for text in (suggest_run(path), suggest_config(path)) if text.startswith("did you mean")]
    raise UsageError(name, "no such run or config", advice[0] if advice else suggest_config(path))
