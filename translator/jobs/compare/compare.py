"""Compare runs on one test set with the same decoding: which is better, on which sentences, at what cost, how certainly."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import torch

from translator.config import load_config
from translator.config_files import find_config
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
from translator.evaluation.settings import common_tokenizer
from translator.jobs.compare.conditions import Condition, require_equal, unequal_conditions
from translator.jobs.compare.evaluate import Evaluation, RunFacts, evaluate_run
from translator.jobs.translate.options import decoding_settings
from translator.runs.folder import HeldOut, RunFolder


class Row(NamedTuple):
    """One run of a comparison."""

    evaluation: Evaluation
    facts: RunFacts
    test: Difference  # between the best run and this one
    most_different: MostDifferent
    sentence_bleu: list[float]


class Comparison(NamedTuple):
    """The result of a comparison."""

    verdict: str
    best: int  # index of the row with the highest BLEU
    rows: list[Row]
    test: HeldOut
    decoding: DecodingSettings
    conditions: list[Condition]
    notices: Sequence[str] = ()  # about all runs
    seeds: OverSeeds | None = None  # if several seeds of each config were compared

    @property
    def all_notices(self) -> list[str]:
        """The notices about all runs and about each one."""
        rows = ((row.evaluation.run, row.evaluation.notices) for row in self.rows)
        return [*self.notices, *(f"{run}: {notice}" for run, notices in rows for notice in notices)]

    @property
    def names(self) -> list[str]:
        return [row.evaluation.run for row in self.rows]

    def as_record(self, details: Sequence[dict[str, object]]) -> dict[str, object]:
        """Return everything but the sentences, by name, with `details` added to each run; indices count from 0."""
        return {
            "verdict": self.verdict,
            "best": self.best,
            "decoding": self.decoding.model_dump(mode="json"),
            "conditions": self.conditions,
            "over_seeds": self.seeds,
            "runs": [
                {**row.evaluation.as_record(), "facts": row.facts, "paired_test": row.test, **more}
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
    working: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Translate one test set with every run and the same decoding, and compare the results.

    A single run is only scored. `working` is called with what is being done. Raises DataError if the runs have different test
    sets, UsageError if `strict` and conditions are unequal.
    """
    for run in runs:
        for member in (run, *run.partners):
            member.require_finished()
    names = _names_of(runs)
    tests = [test or run.split("test") for run in runs]
    check_same(names, [[*chain(*split.references)] for split in tests], "references")
    check_same(names, [split.source for split in tests], "sources")
    conditions = unequal_conditions(runs, decoding=settings is None)
    if strict:
        require_equal(conditions)
    settings = settings or _common_decoding(runs)
    configs = [run.config() for run in runs]
    bleu = common_tokenizer([(config.evaluation, config.corpus.target_language) for config in configs])
    notices, bleu = [bleu.notice] if bleu.notice else [], bleu._replace(notice=None)
    evaluations = []
    for number, (run, split) in enumerate(zip(runs, tests, strict=True), 1):
        working(f"translating {len(split.source):,} sentences with {run.place} ({number} of {len(runs)})")
        evaluations.append(
            evaluate_run(
                run, split, settings, device=device, batch_size=batch_size, allow_leaked=allow_leaked, tokenizer=bleu
            )
        )
    working("testing the differences for significance")
    references, hypotheses = tests[0].references, [evaluation.hypotheses for evaluation in evaluations]
    scores = [evaluation.scores[0] for evaluation in evaluations]
    differences = paired_tests(hypotheses, references, tokenizer=bleu.name)
    best = max(range(len(runs)), key=lambda index: scores[index].value)
    by_sentence = [sentence_scores(lines, references, tokenizer=bleu.name) for lines in hypotheses]
    rows = []
    for index, run in enumerate(runs):
        evaluation = evaluations[index]._replace(run=names[index])
        different = most_different(by_sentence[best], by_sentence[index])
        rows.append(Row(evaluation, RunFacts.of(run), differences[index], different, by_sentence[index]))
    return Comparison(verdict(names, scores, differences), best, rows, tests[0], settings, conditions, notices)


def _names_of(runs: Sequence[RunFolder]) -> list[str]:
    """Return the names of the runs; where two share a name, the parent folder tells them apart."""
    names = [run.name for run in runs]
    return [
        "/".join(run.path.absolute().parts[-2:]) if names.count(name) > 1 else name
        for run, name in zip(runs, names, strict=True)
    ]


def check_decoding(overrides: Sequence[str], beam_size: int | None) -> None:
    """Raise UsageError for wrong decoding settings, before any training that a comparison needs."""
    decoding_settings(load_config(find_config("demo")), overrides, {"beam_size": beam_size})


def given_decoding(
    runs: Sequence[RunFolder], overrides: Sequence[str], beam_size: int | None
) -> DecodingSettings | None:
    """Return the decoding settings that the user gave for all runs, or None if the runs' own apply."""
    if not overrides and beam_size is None:
        return None
    config = runs[0].config().model_copy(update={"decoding": _common_decoding(runs)})
    return decoding_settings(config, overrides, {"beam_size": beam_size})


def _common_decoding(runs: Sequence[RunFolder]) -> DecodingSettings:
    """Return the decoding settings of all runs if they are equal, else the defaults; the order of the runs does not matter."""
    first, *others = [run.config().decoding for run in runs]
    return first if all(decoding == first for decoding in others) else DecodingSettings()


def with_seeds(comparison: Comparison, configs: Sequence[str]) -> Comparison:
    """Add a comparison of the means over seeds, which decides the verdict; the runs of a config are adjacent."""
    seeds = over_seeds(
        configs,
        [row.evaluation.scores[0].value for row in comparison.rows],
        systems=[row.evaluation.hypotheses for row in comparison.rows],
        references=comparison.test.references,
        tokenizer=comparison.rows[0].evaluation.tokenizer,
    )
    return comparison._replace(seeds=seeds, verdict=verdict_over_seeds(seeds))
