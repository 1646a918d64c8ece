"""`translator train`: train a model from a config."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import print_path
from translator.cli.options import Device, Overrides
from translator.cli.progress import TrainingDisplay
from translator.config_files import find_config
from translator.runs import RUNS


def train(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="TOML file, or name of a shipped config.")] = "demo",
    output: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/<name of the config>")] = None,
    overrides: Overrides = [],  # noqa: B006 - read by Typer, never changed
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option(help="Delete the run folder and start over.", show_default=False)] = False,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="RUN[,RUN...]", help="Also train on the translations of the training sources by these runs."
        ),
    ] = None,
    made_by: Annotated[str, typer.Option(hidden=True)] = "train",
) -> None:
    """Train a model, or resume an interrupted run.

    \b
    Examples:
      translator train                                    the demo, takes about two minutes
      translator train demo-additive
      translator train my.toml --set training.steps=500
      translator train my.toml --teacher runs/seed1,runs/seed2+runs/seed3
      translator train multi30k-transformer --set corpus.format=files --set corpus.folder=multi30k
    """
    path = find_config(config)
    if teacher is not None:
        overrides = [*overrides, f"training.teacher={teacher}"]
    from translator.jobs.train.watchdog import supervise

    def work() -> None:
        from translator.config import flatten, load_config, run_name
        from translator.jobs.train.train import train_run
        from translator.jobs.translate.build import choose_device
        from translator.training.processes import join_processes

        loaded, chosen = load_config(path, overrides), choose_device(device)
        folder = output or RUNS / run_name(path.stem, overrides)
        settings = {**flatten(loaded), "--output": folder.name}
        with join_processes(chosen, settings) as processes, TrainingDisplay() as display:
            train_run(
                loaded,
                folder,
                device=chosen,
                observer=display,
                made_by=made_by,
                overwrite=overwrite,
                processes=processes,
            )
        if processes.is_first:
            print_path(folder)

    supervise(work)  # before torch is imported, since its threads do not survive a fork
