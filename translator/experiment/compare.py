"""Several runs on one test set, decoded alike: who is better, where, at what cost, and how sure that is."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import load_config
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError
from translator.evaluation.comparison import PairedTest, check_same_references, paired_tests, verdict
from translator.experiment.evaluate import Evaluation, conditions, evaluate_run
from translator.experiment.run_folder import HeldOut, RunFolder
from translator.experiment.train import train_run
from translator.experiment.watcher import Watcher


class Row(NamedTuple):
    """One run of a comparison."""

    evaluation: Evaluation
    conditions: dict[str, object]
    test: PairedTest


class Comparison(NamedTuple):
    """What was found."""

    verdict: str
    rows: list[Row]
    num_sentences: int
    decoding: DecodingSettings


def find_or_train(config: Path, root: Path, *, device: torch.device, watcher: Watcher) -> RunFolder:
    """The finished run of a config below `root`, trained first where there is none."""
    run = RunFolder(root / config.stem)
    if run.is_finished:
        return run
    watcher.notice(f"{config.stem}: no finished run yet, training it first")
    return train_run(load_config(config), run.path, device=device, watcher=watcher, made_by="compare")


def compare_runs(
    runs: Sequence[RunFolder],
    test: HeldOut | None = None,
    settings: DecodingSettings | None = None,
    *,
    device: torch.device,
    batch_size: int = 64,
    allow_leaked: bool = False,
) -> Comparison:
    """Translate one test set with every run and compare. Raises DataError where the runs have different test sets."""
    if len(runs) < 2:
        raise UsageError("compare", f"found {len(runs)} run, expected at least 2", "name two runs or configs")
    for run in runs:
        run.require_finished()
    names = unique_names(runs)
    tests = [test or run.split("test") for run in runs]
    check_same_references(names, [one.target for one in tests])
    settings = settings or runs[0].config().decoding
    evaluations = [
        evaluate_run(run, one, settings, device=device, batch_size=batch_size, allow_leaked=allow_leaked)._replace(
            run=name
        )
        for run, name, one in zip(runs, names, tests, strict=True)
    ]
    differences = paired_tests([one.hypotheses for one in evaluations], tests[0].target)
    rows = [
        Row(evaluation, conditions(run.config(), run), difference)
        for run, evaluation, difference in zip(runs, evaluations, differences, strict=True)
    ]
    found = verdict(names, [one.scores[0].value for one in evaluations], differences)
    return Comparison(found, rows, len(tests[0].target), settings)


def unique_names(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; whole paths where two share a name."""
    names = [run.path.name for run in runs]
    return [name if names.count(name) == 1 else str(run.path) for name, run in zip(names, runs, strict=True)]
