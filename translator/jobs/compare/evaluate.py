"""Score a run on sentences that it was not trained on: its own test set, or files."""

import time
from pathlib import Path
from typing import NamedTuple

import torch

from translator.decoding.settings import DecodingSettings
from translator.errors import DataError
from translator.evaluation.comparison import GroupScore, by_kind, by_length
from translator.evaluation.frequency import WordScore, by_frequency
from translator.evaluation.metrics import Score, notices, score_all
from translator.evaluation.settings import BleuTokenizer, choose_tokenizer
from translator.jobs.inspect.attention import Agreement
from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.load import load
from translator.runs.folder import COUNTS, FIRST_TEST, HeldOut, RunFolder
from translator.text.lines import find_known_pairs, hash_lines
from translator.text.nfc import nfc
from translator.text.reader import read_lines
from translator.text.words import load_counts

_UNCHECKED = "a packed run has no hashes of its training pairs, so test pairs among them are not noticed"


class Protected(NamedTuple):
    """Protected strings of the sources (`tokenizer.keep`)."""

    num_kept: int  # that the translations contain too
    num_strings: int


class Evaluation(NamedTuple):
    """The translations of a test set by a run, and their scores."""

    run: str
    decoding: DecodingSettings
    scores: list[Score]
    by_length: list[GroupScore]
    by_kind: list[GroupScore]
    by_frequency: list[WordScore]  # empty if the run has no counts.tsv
    best: list[Candidate]  # of each sentence
    seconds: float  # spent on translating
    leaked: list[int]  # numbers, from 1, of the test pairs that are also training pairs
    notices: list[str]
    alignment: Agreement | None = None  # if gold alignments were given
    protected: Protected | None = None  # if the run protects strings
    tokenizer: str = "13a"  # of BLEU

    @property
    def hypotheses(self) -> list[str]:
        """The best translation of each sentence."""
        return [candidate.text for candidate in self.best]

    def as_record(self) -> dict[str, object]:
        """Return everything but sentences and decoding settings, by name."""
        names = ("run", "scores", "by_length", "by_kind", "by_frequency", "leaked", "seconds", "alignment", "protected")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class RunFacts(NamedTuple):
    """What a reader needs to know about a run to repeat its score."""

    architecture: str
    seed: int
    steps: int
    final: str  # which checkpoint, or average of checkpoints, the final parameters are
    num_parameters: int
    training_seconds: float

    @classmethod
    def of(cls, run: RunFolder) -> "RunFacts":
        config, ends = run.config(), [member.finish_record() for member in (run, *run.partners)]
        return cls(
            architecture=config.architecture,
            seed=config.training.seed,
            steps=ends[0].step,
            final=ends[0].final if len(ends) == 1 else f"ensemble of {len(ends)} runs",
            num_parameters=sum(end.num_parameters for end in ends),
            training_seconds=sum(end.seconds for end in ends),
        )


def read_test(source: Path, *references: Path) -> HeldOut:
    """Read a test set with one or more references. Raise DataError if the files have different numbers of lines."""
    sources, (target, *others) = list(read_lines(source)), (list(read_lines(path)) for path in references)
    for path, lines in zip(references, (target, *others), strict=True):
        if len(sources) != len(lines):
            problem = f"{len(lines):,} lines, but {source} has {len(sources):,}"
            raise DataError(str(path), problem, "line n must translate line n")
    return HeldOut(sources, target, None, tuple(others))


def evaluate_run(
    run: RunFolder,
    test: HeldOut,
    settings: DecodingSettings | None = None,
    *,
    device: torch.device,
    batch_size: int | None = None,
    allow_leaked: bool = False,
    tokenizer: BleuTokenizer | None = None,
) -> Evaluation:
    """Translate a test set with a run and score the translations; by default with BLEU's tokenizer of the run.

    Raises DataError if the run was trained on some of the test pairs, unless `allow_leaked`.
    """
    leaked = all_leaked_lines(run, test)
    if leaked and not allow_leaked:
        lines = ", ".join(map(str, leaked[:10])) + (f" and {len(leaked) - 10:,} more" if len(leaked) > 10 else "")
        problem = f"{len(leaked):,} of {len(test.source):,} test pairs are also training pairs: lines {lines}"
        advice = "use other test sentences, or add --allow-leaked, which is noted in the result"
        raise DataError(run.place, problem, advice)
    translator = load(run, device=device)
    settings = settings or translator.config.decoding
    started = time.monotonic()
    best = [candidates[0] for candidates in translator.candidates(test.source, settings, batch_size=batch_size)]
    seconds = time.monotonic() - started
    hypotheses, protection = [candidate.text for candidate in best], translator.tokenizer.protection
    counts, config = load_counts(run.path / COUNTS), translator.config
    tokenizer = tokenizer or choose_tokenizer(config.evaluation, config.corpus.target_language)
    target, others = test.target, test.others
    return Evaluation(
        run=run.name,
        decoding=settings,
        scores=score_all(hypotheses, target, others=others, tokenizer=tokenizer.name),
        by_length=by_length(hypotheses, target, test.source, others=others, tokenizer=tokenizer.name),
        by_kind=by_kind(hypotheses, target, test.kinds, others=others, tokenizer=tokenizer.name) if test.kinds else [],
        by_frequency=[] if counts is None else by_frequency(hypotheses, target, counts, others=others),
        best=best,
        seconds=seconds,
        leaked=leaked,
        notices=[
            *([_UNCHECKED] if run.is_packed else []),
            *notices(hypotheses, target, *others),
            *([tokenizer.notice] if tokenizer.notice else []),
        ],
        tokenizer=tokenizer.name,
        protected=Protected(*protection.count_kept(test.source, hypotheses)) if protection.slots else None,
    )


def evaluate_first(
    run: RunFolder, settings: DecodingSettings, *, device: torch.device, batch_size: int | None = None
) -> Evaluation | None:
    """Score a fine-tuned run on the test set of the run that it started from. Returns None if it has no such test set."""
    if not run.has_split(FIRST_TEST):
        return None
    test = run.split(FIRST_TEST)
    return evaluate_run(run, test, settings, device=device, batch_size=batch_size, allow_leaked=True)


def all_leaked_lines(run: RunFolder, test: HeldOut) -> list[int]:
    """Return the `leaked_lines` of a run and its partners."""
    return sorted({line for member in (run, *run.partners) for line in leaked_lines(member, test)})


def leaked_lines(run: RunFolder, test: HeldOut) -> list[int]:
    """Return the numbers, from 1, of the test pairs that are also training pairs, with any of their references.

    Returns none for a packed run. Raises ModelError if the run's hashes of its training pairs are missing or damaged.
    """
    if run.is_packed:
        return []
    source, *references = ([nfc(line) for line in side] for side in (test.source, test.target, *test.others))
    return [int(index) + 1 for index in find_known_pairs(hash_lines(source), references, run.pair_hashes())]


def leak_notice(leaked: list[int], num_sentences: int) -> str:
    """Return the warning to print next to scores that are too high because of leaked test pairs."""
    return f"{len(leaked):,} of {num_sentences:,} test pairs are also training pairs; the scores are too high"
