"""`translator train`: train a model from a config."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import print_path, print_result
from translator.cli.options import Device, Overrides
from translator.cli.progress import TrainingDisplay
from translator.config_files import find_config
from translator.errors import UsageError
from translator.runs import RUNS

_Corpus = Annotated[
    list[Path],
    typer.Option(
        "--corpus",
        metavar="FILE|FOLDER",
        help="Corpus in any format; give it twice for two aligned files.",
        show_default=False,
    ),
]
_Columns = Annotated[
    str | None,
    typer.Option(metavar="SOURCE,TARGET", help="Columns of the corpus, by number or name.", show_default=False),
]
_Language = Annotated[
    str | None, typer.Option(metavar="TAG", help="Language tag, e.g. de.", show_default="from the corpus")
]


def train(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG", help="TOML file, or name of a shipped config.", show_default="demo; auto with --corpus"
        ),
    ] = None,
    corpus: _Corpus = [],  # noqa: B006 - read by Typer, never changed
    source_language: _Language = None,
    target_language: _Language = None,
    columns: _Columns = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Run folder.", show_default="runs/<name of the config>")
    ] = None,
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
    dry: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check config and corpus, estimate time and memory, write nothing.", show_default=False
        ),
    ] = False,
    made_by: Annotated[str, typer.Option(hidden=True)] = "train",
) -> None:
    """Train a model, or resume an interrupted run.

    \b
    Examples:
      translator train                                    the demo, takes about two minutes
      translator train demo-additive
      translator train my.toml --set training.steps=500
      translator train --from runs/demo --corpus medical.tsv --mix 0.5
      translator train my.toml --teacher runs/seed1,runs/seed2+runs/seed3
      translator train multi30k-transformer --corpus my_corpus
      translator train --corpus sentences.csv --source-language en --target-language de
      translator train --corpus sentences.csv --dry-run
    """
    if config and start_from:
        raise UsageError("--from", f"given together with {config}", "give one; --set changes single settings")
    path = Path(start_from) if start_from else find_config(config or ("auto" if corpus else "demo"))
    options = {"training.teacher": teacher, "training.mix": mix}
    overrides = [*overrides, *(f"{key}={value}" for key, value in options.items() if value is not None)]
    from translator.jobs.train.watchdog import supervise

    def work() -> None:
        from translator.config import flatten, load_config, run_name
        from translator.jobs.train.estimate import dry_run
        from translator.jobs.train.fine_tuning import fine_tuning_config
        from translator.jobs.train.given_corpus import given_corpus
        from translator.jobs.train.train import train_run
        from translator.jobs.translate.build import choose_device
        from translator.runs.folder import RunFolder
        from translator.runs.lookup import find_run
        from translator.training.processes import join_processes

        chosen = choose_device(device)
        given = given_corpus(corpus, source_language, target_language, columns)
        changes = [*given.overrides, *overrides]
        loaded = fine_tuning_config(find_run(path), changes) if start_from else load_config(path, changes)
        model = f"{path.name}-tuned" if start_from else path.stem if config or not corpus else ""
        name = "-".join(filter(None, [model, given.name]))
        folder = output or RUNS / run_name(name, [*given.named, *overrides])
        settings = {**flatten(loaded), "--output": folder.name}
        with join_processes(chosen, settings) as processes, TrainingDisplay() as display:
            if given.description and processes.is_first:
                display.notify(given.description)
            if dry:
                print_result(dry_run(loaded, RunFolder(folder), device=chosen, notify=display.notify))
                return
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
