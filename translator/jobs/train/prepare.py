"""From a config to a run folder ready for its first update: read, filter, train the tokenizer, record what was done."""

import hashlib
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import sentencepiece
import torch

from translator.config import Config, differences, dump_config, flatten
from translator.errors import MachineError, ModelError, UsageError
from translator.evaluation.alignment import read_gold
from translator.jobs.inspect.attention import word_counts
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.translate.build import build_model, vocabularies_of
from translator.ops.choice import Ops
from translator.runs.folder import CONFIG, COUNTS, PAIRS, RECORD, WORDS, RunFolder
from translator.runs.records import (
    CorpusRecord,
    FindingRecord,
    HeldOutPairs,
    RunRecord,
    TrainingPairs,
    ValidationPairs,
    Versions,
    VocabSizes,
    now,
)
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.text.arrow_words import WordCounts
from translator.text.batches import EncodedPairs
from translator.text.corpus import Block, Corpus
from translator.text.filters import (
    RULES,
    FilterResult,
    Finding,
    HeldOutCheck,
    PairFilter,
    check_held_out,
    require_pairs,
)
from translator.text.sources import labels_path, open_split, read_labels, read_split
from translator.text.store import threaded_map
from translator.text.tokenizer import Tokenizer, TokenizerSettings
from translator.text.tokenizer_training import PairSample, train_tokenizer
from translator.text.words import count_words, known_words, save_counts, save_words
from translator.training.checkpoint import MODEL, check_shapes, read_parameters, shapes_of
from translator.version import __version__

Notify: TypeAlias = Callable[[str], None]
_UNFAMILIAR_SHARE = 0.01


class Prepared(NamedTuple):
    """A run folder with everything that training reads from it."""

    run: RunFolder
    config: Config
    tokenizer: Tokenizer
    validation: Corpus
    filtered: FilterResult

    def pairs(self, notify: Notify) -> EncodedPairs:
        """Return the training pairs as ids. Call this only while the run folder is locked."""
        return encoded_pairs(self.run, self.config, self.tokenizer, self.filtered, notify=notify)


def prepare(config: Config, folder: Path, *, overwrite: bool, notify: Notify) -> Prepared:
    """Open the run folder to resume training, or create it.

    Raises UsageError if the run was started with other settings or data, MachineError if the folder is not a run.
    """
    run = RunFolder(folder)
    if overwrite:
        run.require_replaceable()
        return _create(config, run, notify)
    if run.is_run:
        return reopen(config, run)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MachineError(str(folder), "exists and is not a run folder", "choose another --output")
    return _create(config, run, notify)


def reopen(config: Config, run: RunFolder) -> Prepared:
    """Open an existing run. Raises UsageError unless the config and the corpus are those that it was started with."""
    run.require_intact()
    if changed := differences(flatten(run.config()), flatten(config)):
        raise UsageError(
            str(run.path),
            "was started with other settings: "
            + ", ".join(f"{key} was {old!r}, is now {new!r}" for key, old, new in changed),
            "only how long it trains and what it logs and keeps may change; give another --output, or --overwrite",
        )
    (filtered, _), validation = _filter_training_pairs(config), read_split(config.corpus, "validation")
    corpus = run.record().corpus
    for split, found, recorded in (
        ("train", filtered.fingerprint, corpus.train.fingerprint),
        ("validation", validation.fingerprint, corpus.validation.fingerprint),
    ):
        if found != recorded:
            raise UsageError(
                str(run.path), f"was started with other {split} sentences", "give another --output, or --overwrite"
            )
    return Prepared(run, config, run.tokenizer(), validation, filtered)


def initial_parameters(config: Config, tokenizer: Tokenizer, run: RunFolder) -> dict[str, torch.Tensor] | None:
    """Return the final parameters of the run that `training.initialise_from` names, or None if it names no run.

    Raises ModelError if they do not fit.
    """
    if config.training.initialise_from is None:
        return None
    first = RunFolder(Path(config.training.initialise_from))
    if first.path.resolve() == run.path.resolve():
        raise UsageError("training.initialise_from", f"{first.path} is the run itself", "give another --output")
    first.require_finished()
    if first.record().tokenizer != tokenizer.fingerprint:
        raise ModelError(
            "training.initialise_from",
            f"{first.path} has another tokenizer, so its token ids have other meanings",
            "train both runs on the same corpus with the same [tokenizer]",
        )
    parameters = read_parameters(first.final / MODEL)
    with torch.device("meta"):
        model = build_model(config, vocabularies_of(tokenizer), ops=Ops())
    check_shapes(parameters, shapes_of(model), str(first.final / MODEL))
    return parameters


class _PairStatistics:
    """What a new run collects from its training pairs while they are filtered."""

    def __init__(self, settings: TokenizerSettings) -> None:
        self.sample = PairSample(settings)
        self.source_words, self.target_words = WordCounts(), WordCounts()

    def add(self, block: Block) -> None:
        self.sample.add(block)
        self.source_words.add(block.source)
        self.target_words.add(block.target)


def _filter_training_pairs(
    config: Config, statistics: _PairStatistics | None = None
) -> tuple[FilterResult, str | None]:
    """Pass all training pairs through the filters once, without keeping them; returns the result and the revision."""
    stream = open_split(config.corpus, "train")
    pair_filter = PairFilter(config.corpus, stream.places)
    for block in threaded_map(pair_filter.filter, stream.blocks, 1):
        if statistics is not None:
            statistics.add(block)
    result = pair_filter.result()
    require_pairs(result.counts)
    return result, stream.revision


class _HeldOutSplit(NamedTuple):
    """Validation or test sentences with what was found in them."""

    corpus: Corpus
    check: HeldOutCheck

    def record(self) -> HeldOutPairs:
        return HeldOutPairs(
            read=len(self.corpus.source),
            also_in_training=self.check.also_in_training,
            sources_in_training=self.check.sources_in_training,
            fingerprint=self.corpus.fingerprint,
            findings=_finding_records(self.check.findings),
        )


class _Data(NamedTuple):
    """Everything that a new run takes from its corpus."""

    statistics: _PairStatistics
    filtered: FilterResult
    revision: str | None  # commit of a Hugging Face data set
    splits: dict[str, _HeldOutSplit]
    gold: list[str] | None  # gold alignments of the validation pairs
    kinds: list[str] | None  # labels of the test pairs


def _read_data(config: Config) -> _Data:
    statistics, settings = _PairStatistics(config.tokenizer), config.corpus
    filtered, revision = _filter_training_pairs(config, statistics)
    validation = read_split(settings, "validation")
    test = read_split(settings, "test") if settings.has_test else None
    gold = read_labels(settings, "validation", ".align", num_pairs=len(validation.source))
    kinds = read_labels(settings, "test", ".kind", num_pairs=len(test.source)) if test is not None else None
    sample = statistics.sample.corpus()
    splits = {
        name: _HeldOutSplit(corpus, check_held_out(corpus, settings, filtered, sample))
        for name, corpus in (("validation", validation), ("test", test))
        if corpus is not None
    }
    return _Data(statistics, filtered, revision, splits, gold, kinds)


def _create(config: Config, run: RunFolder, notify: Notify) -> Prepared:
    """Write a new run folder, complete or not at all."""
    if run.path.name in ("", ".."):
        raise UsageError("--output", f"found {str(run.path)!r}, which gives the run no name", "type one, as runs/mine")
    data = _read_data(config)
    for line in _summary(data):
        notify(line)
    if notice := data.statistics.sample.notice:
        notify(notice)
    tokenizer = train_tokenizer(data.statistics.sample.corpus(), config.tokenizer, notify)
    validation = data.splits["validation"].corpus
    unknown_share = tokenizer.unknown_share(validation)
    if unknown_share >= _UNFAMILIAR_SHARE:
        percent = f"{100 * unknown_share:.0f} %"
        notify(f"warning: {percent} of the validation tokens are characters that the training pairs lack")
    if path := labels_path(config.corpus, "validation", ".align"):
        read_gold(path, word_counts(tokenizer, validation.source, validation.target))
    initial_parameters(config, tokenizer, run)  # for its errors, before an older run is replaced
    pair_hashes = data.filtered.pair_hashes.astype("<u8").tobytes()
    record = _run_record(_corpus_record(data, unknown_share), tokenizer, pair_hashes)
    with new_folder(run.path) as temporary:
        write_part(temporary / CONFIG, dump_config(config).encode())
        write_part(temporary / RECORD, record.as_json())
        write_part(temporary / PAIRS, pair_hashes)
        tokenizer.save(temporary / "tokenizer")
        save_words(known_words(data.statistics.source_words.total()), temporary / WORDS)
        save_counts(count_words(data.statistics.target_words.total()), temporary / COUNTS)
        _write_splits(data, temporary / "corpus")
    return Prepared(run, config, tokenizer, validation, data.filtered)


def _write_splits(data: _Data, folder: Path) -> None:
    """Write the run's own copy of the sentences that it is scored on, and their labels."""
    folder.mkdir()
    files = {"validation.align": data.gold, "test.kind": data.kinds}
    for name, split in data.splits.items():
        files |= {f"{name}.source": split.corpus.source, f"{name}.target": split.corpus.target}
    for name, lines in files.items():
        if lines:
            write_part(folder / name, "".join(f"{line}\n" for line in lines).encode())


def _corpus_record(data: _Data, unknown_share: float) -> CorpusRecord:
    records = {name: split.record() for name, split in data.splits.items()}
    return CorpusRecord(
        train=TrainingPairs(
            **data.filtered.counts._asdict(),
            revision=data.revision,
            fingerprint=data.filtered.fingerprint,
            findings=_finding_records(data.filtered.findings),
        ),
        validation=ValidationPairs(**dict(records["validation"]), unknown_share=unknown_share),
        test=records.get("test"),
    )


def _run_record(corpus: CorpusRecord, tokenizer: Tokenizer, pair_hashes: bytes) -> RunRecord:
    return RunRecord(
        created_at=now(),
        corpus=corpus,
        tokenizer=tokenizer.fingerprint,
        vocab_sizes=VocabSizes(source=tokenizer.source_size, target=tokenizer.target_size),
        pairs=hashlib.sha256(pair_hashes).hexdigest(),
        versions=Versions(
            translator=__version__,
            python=platform.python_version(),
            torch=str(torch.__version__),
            sentencepiece=sentencepiece.__version__,
        ),
        threads=torch.get_num_threads(),
    )


def _finding_records(findings: list[Finding]) -> list[FindingRecord]:
    """Return the findings with the names of their files alone, because a run may be moved and given away."""
    return [FindingRecord(**finding._replace(place=Path(finding.place).name)._asdict()) for finding in findings]


def _summary(data: _Data) -> Iterator[str]:
    """Yield the counts and the warnings, a line each; rules that rejected nothing are omitted."""
    filtered, splits = data.filtered, data.splits
    counts = filtered.counts._asdict()
    first = {finding.what: f"{finding.place}:{finding.line}" for finding in filtered.findings}
    skipped = [f"{counts[rule]:,} {rule.replace('_', ' ')} (first {first[rule]})" for rule in RULES if counts[rule]]
    line = f"training pairs: {counts['read']:,} read, {counts['kept']:,} kept"
    yield line + (f"; skipped: {', '.join(skipped)}" if skipped else "")
    if noticed := [f"{counts[what]:,} {what}" for what in ("duplicates", "identical") if counts[what]]:
        yield f"among those kept: {', '.join(noticed)}"
    for name, (corpus, check) in splits.items():
        pairs, sources = check.also_in_training, check.sources_in_training
        yield (
            f"{name} pairs: {len(corpus.source):,}"
            + (f", {pairs:,} also in the training data" if pairs else "")
            + (f", {sources:,} with a source from the training data" if sources > pairs else "")
        )
    warnings = [finding for finding in filtered.findings if finding.is_warning]
    for finding in (*warnings, *(finding for split in splits.values() for finding in split.check.findings)):
        yield f"warning: {finding}"
