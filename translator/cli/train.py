"""`translator train`: train a model from a config."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import print_path, print_result
from translator.cli.options import Device, Overrides, option, switch
from translator.cli.progress import TrainingDisplay
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.config import Config

_Config = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG", help="TOML file, or name of a shipped config.", show_default="demo; auto with --corpus"
    ),
]
_Corpus = Annotated[
    list[Path],
    option("FILE|FOLDER", "Corpus in any format; give it twice for two aligned files.", "--corpus", default=False),
]
_Language = Annotated[str | None, option("TAG", "Language tag, e.g. de.", default="from the corpus")]
_Columns = Annotated[str | None, option("SOURCE,TARGET", "Columns of the corpus, by number or name.", default=False)]
_Output = Annotated[
    Path | None, option("FOLDER", "Run folder.", default="in runs/, named after config, corpus and changes")
]
_Overwrite = Annotated[bool, switch("Delete the run folder and start over.")]
_Teacher = Annotated[
    str | None, option("RUN[,RUN...]", "Also train on these runs' translations of the training sources.")
]
_StartFrom = Annotated[
    str | None, option("RUN", "Fine-tune a finished run on another corpus, with its settings.", "--from")
]
_Mix = Annotated[
    float | None, option("SHARE", "With --from: share of that run's training pairs in every epoch.", min=0, max=0.99)
]
_DryRun = Annotated[bool, switch("Check config and corpus, estimate time and memory, write nothing.", "--dry-run")]
_MadeBy = Annotated[str, typer.Option(hidden=True)]


def train(
    config: _Config = None,
    corpus: _Corpus = [],  # noqa: B006 - read by Typer, never changed
    source_language: _Language = None,
    target_language: _Language = None,
    columns: _Columns = None,
    output: _Output = None,
    overrides: Overrides = [],  # noqa: B006 - read by Typer, never changed
    device: Device = "auto",
    overwrite: _Overwrite = False,
    teacher: _Teacher = None,
    start_from: _StartFrom = None,
    mix: _Mix = None,
    dry: _DryRun = False,
    made_by: _MadeBy = "train",
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
    options = {"training.teacher": teacher, "training.mix": mix}
    overrides = [*overrides, *(f"{key}={value}" for key, value in options.items() if value is not None)]
    from translator.jobs.train.watchdog import supervise

    def work() -> None:
        from translator.jobs.train.given_corpus import given_corpus
        from translator.jobs.train.plan import plan_run

        given = given_corpus(corpus, source_language, target_language, columns)
        loaded, folder = plan_run(config, given, overrides, start_from=start_from, output=output)
        _train(loaded, folder, device, corpus=given.description, dry=dry, overwrite=overwrite, made_by=made_by)

    supervise(work)  # before torch is imported, since its threads do not survive a fork


def _train(
    config: "Config", folder: Path, device_name: str, *, corpus: str, dry: bool, overwrite: bool, made_by: str
) -> None:
    """Train a run, or estimate what it takes, and print the run folder or the estimate."""
    from translator.config import flatten
    from translator.jobs.train.estimate import dry_run
    from translator.jobs.train.train import train_run
    from translator.jobs.translate.device import choose_device
    from translator.runs.folder import RunFolder
    from translator.training.processes import join_processes

    device = choose_device(device_name)
    settings = {**flatten(config), "--output": folder.name}
    with join_processes(device, settings) as processes, TrainingDisplay() as display:
        if corpus and processes.is_first:
            display.notify(corpus)
        if dry:
            print_result(dry_run(config, RunFolder(folder), device=device, notify=display.notify))
            return
        train_run(
            config,
            folder,
            device=device,
            observer=display,
            made_by=made_by,
            overwrite=overwrite,
            processes=processes,
        )
    if processes.is_first:
        print_path(folder)
