"""`translator train`: train a model from a config."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import print_path
from translator.cli.options import Device, Overrides
from translator.cli.progress import TrainingDisplay
from translator.config_files import find_config
from translator.errors import UsageError
from translator.runs import RUNS


def train(
    config: Annotated[
        str | None,
        typer.Argument(metavar="CONFIG", help="TOML file, or name of a shipped config.", show_default="demo"),
    ] = None,
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
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Fine-tune a finished run on another corpus, with its settings.",
        ),
    ] = None,
    mix: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", min=0, max=0.99, help="With --from: share of that run's training pairs in every epoch."
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
      translator train --from runs/demo --set corpus.folder=medical --mix 0.5
      translator train my.toml --teacher runs/seed1,runs/seed2+runs/seed3
      translator train multi30k-transformer --set corpus.format=files --set corpus.folder=multi30k
    """
    if config and start_from:
        raise UsageError("--from", f"given together with {config}", "give one; --set changes single settings")
    path = Path(start_from) if start_from else find_config(config or "demo")
    options = {"training.teacher": teacher, "training.mix": mix}
    overrides = [*overrides, *(f"{key}={value}" for key, value in options.items() if value is not None)]
    from translator.jobs.train.watchdog import supervise

    def work() -> None:
        from translator.config import flatten, load_config, run_name
        from translator.jobs.train.fine_tuning import fine_tuning_config
        from translator.jobs.train.train import train_run
        from translator.jobs.translate.build import choose_device
        from translator.runs.lookup import find_run
        from translator.training.processes import join_processes

        chosen = choose_device(device)
        loaded = fine_tuning_config(find_run(path), overrides) if start_from else load_config(path, overrides)
        folder = output or RUNS / run_name(f"{path.name}-tuned" if start_from else path.stem, overrides)
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
