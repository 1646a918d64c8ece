"""Several runs on one test set, decoded alike: who is better, where, at what cost, and how sure that is."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from translator.decoding.settings import DecodingSettings
from translator.evaluation.comparison import (
    Difference,
    MostDifferent,
    check_same,
    most_different,
    paired_tests,
    sentence_scores,
    verdict,
)
from translator.evaluation.seeds import OverSeeds, over_seeds, verdict_over_seeds
from translator.jobs.compare.conditions import Condition, require_equal, unequal_conditions
from translator.jobs.compare.evaluate import Evaluation, evaluate_run, facts
from translator.jobs.translate.translator import decoding_settings
from translator.runs.folder import HeldOut, RunFolder


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

    @property
    def names(self) -> list[str]:
        """What the runs are called."""
        return [row.evaluation.run for row in self.rows]

    def record(self, details: Sequence[dict[str, object]]) -> dict[str, object]:
        """All but the sentences, by name, and `details` of each run; rows number the runs from 0."""
        return {
            "verdict": self.verdict,
            "best": self.best,
            "decoding": self.decoding.model_dump(mode="json"),
            "conditions": self.conditions,
            "over_seeds": self.seeds,
            "runs": [
                {**row.evaluation.figures, "facts": row.facts, "paired_test": row.test, **more}
                for row, more in zip(self.rows, details, strict=True)
            ],
        }


def compare_runs(
    runs: Sequence[RunFolder],
    test: HeldOut | None = None,
    settings: DecodingSettings | None = None,
    *,
    device: torch.device,
    batch_size: int | None = None,
    allow_leaked: bool = False,
    strict: bool = False,
) -> Comparison:
    """Translate one test set with every run, all decoded alike, and compare; a single run is only scored.

    Raises DataError where the runs have different test sets, UsageError where `strict` and conditions are unequal.
    """
    for run in runs:
        run.require_finished()
    names = unique_names(runs)
    tests = [test or run.split("test") for run in runs]
    check_same(names, [one.target for one in tests], "references")
    check_same(names, [one.source for one in tests], "sources")
    conditions = unequal_conditions(runs, decoding=settings is None)
    if strict:
        require_equal(conditions)
    settings = settings or common_decoding(runs)
    evaluations = [
        evaluate_run(run, one, settings, device=device, batch_size=batch_size, allow_leaked=allow_leaked)._replace(
            run=name
        )
        for run, name, one in zip(runs, names, tests, strict=True)
    ]
    references = tests[0].target
    systems, scores = [one.hypotheses for one in evaluations], [one.scores[0] for one in evaluations]
    differences = paired_tests(systems, references)
    best = max(range(len(runs)), key=lambda index: scores[index].value)
    by_sentence = [sentence_scores(system, references) for system in systems]
    rows = [
        Row(evaluation, facts(run), difference, most_different(by_sentence[best], sentences))
        for run, evaluation, difference, sentences in zip(runs, evaluations, differences, by_sentence, strict=True)
    ]
    return Comparison(verdict(names, scores, differences), best, rows, tests[0], settings, conditions)


def common_decoding(runs: Sequence[RunFolder]) -> DecodingSettings:
    """The decoding of all runs where it is the same, else the program's own, so that no order of the runs decides."""
    first, *others = [run.config().decoding for run in runs]
    return first if all(one == first for one in others) else DecodingSettings()


def given_decoding(
    runs: Sequence[RunFolder], overrides: Sequence[str], beam_size: int | None
) -> DecodingSettings | None:
    """The common decoding with what was changed for all runs alike; None where nothing was."""
    if not overrides and beam_size is None:
        return None
    config = runs[0].config().model_copy(update={"decoding": common_decoding(runs)})
    return decoding_settings(config, overrides, {"beam_size": beam_size}, many_allowed=False)


def with_seeds(comparison: Comparison, configs: Sequence[str]) -> Comparison:
    """The same comparison, judged by the means over the seeds of each config, whose runs follow each other."""
    found = over_seeds(
        configs,
        [row.evaluation.scores[0].value for row in comparison.rows],
        systems=[row.evaluation.hypotheses for row in comparison.rows],
        references=comparison.test.target,
    )
    return comparison._replace(seeds=found, verdict=verdict_over_seeds(found))


def unique_names(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; with the folder above where two share a name."""
    paths = [run.path.absolute() for run in runs]
    names = [path.name for path in paths]
    return [
        name if names.count(name) == 1 else "/".join(path.parts[-2:]) for name, path in zip(names, paths, strict=True)
    ]
