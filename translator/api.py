"""Train from Python as `translator train` does on the command line; `jobs/translate/` has the rest of the Python API."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import tomli_w

from translator.cli.progress import TrainingDisplay
from translator.config import Config, override_config
from translator.errors import UsageError
from translator.jobs.train.given_corpus import GivenCorpus
from translator.jobs.train.plan import plan_run
from translator.jobs.train.signals import Stopped
from translator.jobs.train.train import train_run
from translator.jobs.translate.device import choose_device
from translator.runs.folder import RunFolder


def train(
    config: str | Path | Config = "demo",
    overrides: Mapping[str, object] = {},
    *,
    output: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> RunFolder:
    """Train a config, given by path, by the name of a shipped config or in memory, and return the finished run.

    The keys of `overrides` are those of `--set`. By default the run folder is the one that `translator train` would use. A
    finished run is returned at once; a stopped one resumes. In a notebook, progress is shown below the cell. Interrupting
    the cell saves the state and raises KeyboardInterrupt; the same call resumes.

    >>> run = train("memorise.toml", {"training.steps": 2, "model.dim": 16}, output="runs/short")
    >>> run.finish_record().step
    2
    >>> train("memorise.toml", {"training.step": 2})
    Traceback (most recent call last):
    translator.errors.UsageError: --set training.step: unknown option; did you mean 'steps'?
    """
    assignments = list(_assignments(overrides))
    if isinstance(config, Config):
        if output is None:
            raise UsageError("output", "missing, and a config in memory has no name", 'give output="runs/NAME"')
        loaded, folder = override_config(config, assignments), Path(output)
    else:
        given = Path(output) if output else None
        loaded, folder = plan_run(str(config), GivenCorpus(), assignments, start_from=None, output=given)
    with TrainingDisplay() as display:
        try:
            return train_run(loaded, folder, device=choose_device(device), observer=display, overwrite=overwrite)
        except Stopped as stopped:
            raise KeyboardInterrupt(str(stopped)) from None


def _assignments(overrides: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """Yield each override as `--set` takes it: `training.steps=500`; a mapping inside is a table."""
    for name, value in overrides.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _assignments(value, f"{key}.")
        else:
            yield f"{key}={_written(key, str(value) if isinstance(value, Path) else value)}"


def _written(key: str, value: object) -> str:
    """Return a value in TOML, and a text without quotes where `--set` reads it as the same text."""
    if isinstance(value, str):
        try:
            tomllib.loads(f"value = {value}")
        except tomllib.TOMLDecodeError:
            return value
    try:
        return tomli_w.dumps({"value": value}).partition("=")[2].strip()
    except TypeError as error:
        raise UsageError(key, f"found {value!r}, expected a value that TOML can hold", "leave the key out") from error
