"""Score a run on sentences that it was not trained on: its own test set, or files."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import Config
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError
from translator.evaluation.comparison import GroupScore, by_kind, by_length
from translator.evaluation.metrics import Score, notices, score_all
from translator.experiment.attention import Agreement
from translator.experiment.run_folder import HeldOut, RunFolder
from translator.experiment.translate import Candidate, Translator, load
from translator.text.reader import read_lines


class Evaluation(NamedTuple):
    """What a run makes of a test set, and how good that is."""

    run: str
    decoding: DecodingSettings
    scores: list[Score]
    by_length: list[GroupScore]
    by_kind: list[GroupScore]
    best: list[Candidate]  # of each sentence
    seconds: float  # of translating
    notices: list[str]
    alignment: Agreement | None = None  # where gold alignments were given

    @property
    def hypotheses(self) -> list[str]:
        """The translations."""
        return [candidate.text for candidate in self.best]


def read_test(source: Path, reference: Path) -> HeldOut:
    """A test set from two files. Raises DataError where their counts differ."""
    sources, references = list(read_lines(source)), list(read_lines(reference))
    if len(sources) != len(references):
        raise DataError(
            str(reference),
            f"{len(references):,} lines, but {source} has {len(sources):,}",
            "line n must translate line n",
        )
    return HeldOut(sources, references, None)


def evaluate_run(
    run: RunFolder,
    test: HeldOut,
    settings: DecodingSettings | None = None,
    *,
    device: torch.device,
    batch_size: int = 64,
) -> Evaluation:
    """Translate a test set with a run and score it."""
    translator = load(run, device=device)
    settings = settings or translator.config.decoding
    best, seconds = timed_translations(translator, test.source, settings, batch_size)
    hypotheses = [candidate.text for candidate in best]
    kinds = by_kind(hypotheses, test.target, test.kinds) if test.kinds else []
    return Evaluation(
        run=run.path.name,
        decoding=settings,
        scores=score_all(hypotheses, test.target),
        by_length=by_length(hypotheses, test.target, test.source),
        by_kind=kinds,
        best=best,
        seconds=seconds,
        notices=notices(hypotheses, test.target) + training_notice(run, test),
    )


def timed_translations(
    translator: Translator, lines: Sequence[str], settings: DecodingSettings, batch_size: int
) -> tuple[list[Candidate], float]:
    """(the best translation of each line, seconds that they took)."""
    began = time.monotonic()
    best = [candidates[0] for candidates in translator.candidates(lines, settings, batch_size=batch_size)]
    return best, time.monotonic() - began


def training_notice(run: RunFolder, test: HeldOut) -> list[str]:
    """A warning where the run's own test sentences were among its training pairs."""
    shared = run.record()["corpus"].get("test", {}).get("also_in_training", 0)
    is_own = shared and test.source == run.split("test").source
    return [f"{shared} of {len(test.source)} test pairs are also training pairs; the scores flatter"] if is_own else []


def conditions(config: Config, run: RunFolder) -> dict[str, object]:
    """What must be known beside a score to repeat it."""
    finished = run.finish_record()
    return {
        "architecture": config.architecture,
        "seed": config.training.seed,
        "steps": finished["step"],
        "final": finished["final"],
        "weights": finished["weights"],
        "training_seconds": finished["seconds"],
    }
