"""`translator train`: from a config to a run that translates."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import TrainingDisplay, say
from translator.cli.options import RUNS, Device, Overrides, find_config


def train(
    config: Annotated[str, typer.Argument(help="A TOML file, or the name of a shipped config.")] = "demo",
    output: Annotated[Path | None, typer.Option(help="Run folder; default: runs/<config name>.")] = None,
    overrides: Overrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option(help="Begin a run folder anew.")] = False,
    made_by: Annotated[str, typer.Option(hidden=True)] = "train",
) -> None:
    """Train a model, or go on with a training that was interrupted.

    \b
    Examples:
      translator train                                    the demo, about two minutes
      translator train demo-additive
      translator train my.toml --set training.steps=500
      translator train multi30k-transformer --set corpus.format=files --set corpus.folder=multi30k
    """
    path = find_config(config)
    from translator.jobs.train.watchdog import supervise

    def work() -> None:
        from translator.config import load_config, run_name
        from translator.jobs.train.train import train_run
        from translator.jobs.translate.build import choose_device
        from translator.training.processes import joined

        loaded, chosen = load_config(path, overrides), choose_device(device)
        folder = output or RUNS / run_name(path.stem, overrides)
        with joined(chosen) as processes, TrainingDisplay() as display:
            train_run(
                loaded,
                folder,
                device=chosen,
                watcher=display,
                made_by=made_by,
                overwrite=overwrite,
                processes=processes,
            )
        if processes.is_first:
            say(str(folder))

    supervise(work)  # before torch is imported, since its threads do not survive a fork
