"""Several runs on one test set, decoded alike: who is better, where, at what cost, and how sure that is."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import load_config
from translator.decoding.settings import DecodingSettings
from translator.evaluation.comparison import (
    NO_DIFFERENCE,
    Difference,
    MostDifferent,
    check_same_references,
    paired_tests,
    verdict,
)
from translator.evaluation.seeds import OverSeeds
from translator.experiment.evaluate import Evaluation, evaluate_run, facts
from translator.experiment.run_folder import HeldOut, RunFolder
from translator.experiment.train import train_run
from translator.experiment.watcher import Watcher


class Condition(NamedTuple):
    """Something that differs between the runs and is not what is compared: unequal conditions."""

    name: str
    values: list[str]  # one a run, as shown


class Row(NamedTuple):
    """One run of a comparison."""

    evaluation: Evaluation
    facts: dict[str, object]
    test: Difference
    most_different: MostDifferent


class Comparison(NamedTuple):
    """What was found."""

    verdict: str
    best: int  # which row has the highest BLEU
    rows: list[Row]
    test: HeldOut
    decoding: DecodingSettings
    conditions: list[Condition]
    seeds: OverSeeds | None = None  # where several seeds of each config were trained


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
    strict: bool = False,
) -> Comparison:
    """Translate one test set with every run and compare; a single run is only scored.

    Raises DataError where the runs have different test sets, UsageError where `strict` and conditions are unequal.
    """
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
    scores = [one.scores[0].value for one in evaluations]
    differences = [NO_DIFFERENCE]
    if len(runs) > 1:
        differences = paired_tests([one.hypotheses for one in evaluations], tests[0].target)
    rows = [
        Row(evaluation, facts(run.config(), run), difference, MostDifferent([], []))
        for run, evaluation, difference in zip(runs, evaluations, differences, strict=True)
    ]
    found = verdict(names, [one.scores[0] for one in evaluations], differences)
    return Comparison(found, scores.index(max(scores)), rows, tests[0], settings, [])


def unique_names(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; whole paths where two share a name."""
    names = [run.path.name for run in runs]
    return [name if names.count(name) == 1 else str(run.path) for name, run in zip(names, runs, strict=True)]
