"""Find the finished runs of configs and seeds, and train the ones that are missing: on a GPU, several at once."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import NO_EFFECT, Config, differences, flatten, load_config
from translator.errors import UsageError
from translator.jobs.compare.conditions import settings_of
from translator.jobs.compare.training_processes import run_commands, train_command
from translator.jobs.train.events import TrainingObserver
from translator.jobs.train.train import train_run
from translator.runs.folder import RunFolder

_MAX_PROCESSES = 4
_PROCESS_BYTES = 8 * 2**30
"""GPU memory that one training run should need at most."""


class PlannedRun(NamedTuple):
    """The run of a config with one seed, which may not exist yet."""

    path: Path  # of the config file
    overrides: tuple[str, ...]  # as --set takes them
    config: Config
    run: RunFolder

    def require_same_settings(self) -> None:
        """Raise UsageError if the finished run was trained with different settings, decoding aside."""
        if changed := differences(settings_of(self.run), flatten(self.config), may_change=NO_EFFECT):
            listed = "; ".join(f"{key} was {old!r}, is {new!r} in {self.path}" for key, old, new in changed)
            advice = f"type {self.run.path} to compare it as it is, or move it away to have the config trained"
            raise UsageError(str(self.run.path), f"was trained with different settings: {listed}", advice)


def plan_runs(path: Path, root: Path, *, num_seeds: int = 1) -> list[PlannedRun]:
    """Return the runs of a config, below `root`: one per seed, counted up from the config's own."""
    config = load_config(path)
    planned = [PlannedRun(path, (), config, RunFolder(root / path.stem))]
    for seed in range(config.training.seed + 1, config.training.seed + num_seeds):
        overrides = (f"training.seed={seed}",)
        run = RunFolder(root / f"{path.stem}-seed{seed}")
        planned.append(PlannedRun(path, overrides, load_config(path, overrides), run))
    return planned


def train_missing(
    planned: Sequence[PlannedRun],
    *,
    device: torch.device,
    open_observer: Callable[[str], AbstractContextManager[TrainingObserver]],
    num_processes: int | None = None,
) -> None:
    """Train the planned runs that are not finished; with several processes, side by side.

    `open_observer` takes the name of what is trained. By default a CPU trains one run after the other in this process, and a
    GPU as many as its free memory should hold. Raises UsageError if a finished run was trained with settings other than those
    of its config.
    """
    missing = {}
    for plan in planned:
        if plan.run.is_finished:
            plan.run.require_finished()
            plan.require_same_settings()
        else:
            missing[plan.run.path] = plan
    if num_processes is None and device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        num_processes = max(1, min(_MAX_PROCESSES, free // _PROCESS_BYTES))
    num_processes = min(num_processes or 1, len(missing))
    if num_processes > 1:
        commands, name = {}, str(device)
        for folder, plan in missing.items():
            command = train_command(plan.path, folder, overrides=plan.overrides, device=name, made_by="compare")
            commands[folder.name] = command
        with open_observer("") as observer:
            run_commands(commands, num_processes=num_processes, notify=observer.notify)
    else:
        for number, (folder, plan) in enumerate(missing.items(), 1):
            with open_observer(f"{folder.name} ({number} of {len(missing)})") as observer:
                observer.notify(f"{folder.name}: no finished run yet, training it first")
                train_run(plan.config, folder, device=device, observer=observer, made_by="compare")
    for plan in planned:  # two configs of one name share a folder, which holds the run of only one of them
        plan.require_same_settings()
