"""Score a run on sentences that it was not trained on: its own test set, or files."""

import time
from collections.abc import Mapping
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


class Lines(NamedTuple):
    """The lines of a file or of standard input."""

    place: str
    lines: list[str]


def require_aligned(first: Lines, *others: Lines) -> None:
    """Raise DataError unless all have as many lines as the first."""
    for place, lines in others:
        if len(first.lines) != len(lines):
            problem = f"{len(lines):,} lines, but {first.place} has {len(first.lines):,}"
            raise DataError(place, problem, "line n must translate line n")


def given_test(source: Lines, *references: Lines) -> HeldOut:
    """Return a test set with one or more references. Raises DataError if they have different numbers of lines."""
    require_aligned(source, *references)
    target, *others = (lines for _, lines in references)
    return HeldOut(source.lines, target, None, tuple(others))


class Scores(NamedTuple):
    """The scores of translations of a test set."""

    scores: list[Score]
    by_length: list[GroupScore]  # empty without sources
    by_kind: list[GroupScore]  # empty if the test set has no kinds
    by_frequency: list[WordScore]  # empty without counts of words in training
    notices: list[str]


def score(
    hypotheses: list[str], test: HeldOut, tokenizer: BleuTokenizer, counts: Mapping[str, int] | None = None
) -> Scores:
    """Score translations of a test set, whose sources may be missing; `counts` are word counts of the training data."""
    references, name = test.references, tokenizer.name
    return Scores(
        score_all(hypotheses, references, tokenizer=name),
        by_length(hypotheses, references, test.source, tokenizer=name) if test.source else [],
        by_kind(hypotheses, references, test.kinds, tokenizer=name) if test.kinds else [],
        [] if counts is None else by_frequency(hypotheses, references, counts),
        [*notices(hypotheses, references), *([tokenizer.notice] if tokenizer.notice else [])],
    )


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
    tokenizer = tokenizer or choose_tokenizer(translator.config.evaluation, translator.config.corpus.target_language)
    scored = score(hypotheses, test, tokenizer, load_counts(run.path / COUNTS))
    return Evaluation(
        run=run.name,
        decoding=settings,
        scores=scored.scores,
        by_length=scored.by_length,
        by_kind=scored.by_kind,
        by_frequency=scored.by_frequency,
        best=best,
        seconds=seconds,
        leaked=leaked,
        notices=[*([_UNCHECKED] if run.is_packed else []), *scored.notices],
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
    """Return the numbers, from 1, of the test pairs that are training pairs with any of their references.

    Returns none for a packed run. Raises ModelError if the run's hashes of its training pairs are missing or damaged.
    """
    if run.is_packed:
        return []
    source, *references = ([nfc(line) for line in side] for side in (test.source, *test.references))
    return [int(index) + 1 for index in find_known_pairs(hash_lines(source), references, run.pair_hashes())]


def leak_notice(leaked: list[int], num_sentences: int) -> str:
    """Return the warning to print next to scores that are too high because of leaked test pairs."""
    return f"{len(leaked):,} of {num_sentences:,} test pairs are also training pairs; the scores are too high"
