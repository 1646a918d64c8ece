"""From a config to a run folder ready for its first update: read, filter, train the tokenizer, record what was done."""

import hashlib
import platform
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import sentencepiece
import torch

from translator.config import Config, differences, dump_config, flatten
from translator.errors import DataError, MachineError, UsageError
from translator.evaluation.alignment import read_gold
from translator.jobs.inspect.attention import word_counts
from translator.jobs.train.corpus_splits import read_splits
from translator.jobs.train.corpus_summary import CheckedSplit, describe_counts, describe_layout
from translator.jobs.train.distillation import find_teachers
from translator.jobs.train.fine_tuning import first_test, initial_parameters, learned_before, require_other_run
from translator.runs.folder import CONFIG, COUNTS, PAIRS, RECORD, WORDS, RunFolder, other_reference
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
from translator.text.corpus import Block, Corpus, Split, join_lines
from translator.text.filters import FilterResult, Finding
from translator.text.held_out_check import check_held_out
from translator.text.lines import distinct
from translator.text.sources import CorpusSettings, labels_path, read_labels, read_split
from translator.text.tokenizer import Tokenizer, TokenizerSettings
from translator.text.tokenizer_training import PairSample, train_tokenizer
from translator.text.words import count_words, save_counts, save_words
from translator.version import __version__

Notify: TypeAlias = Callable[[str], None]
_UNFAMILIAR_SHARE = 0.01
_BYTE_TOKENS = 300
"""More than the tokens that a vocabulary has for single bytes and special purposes."""
_COUNTED_PAIRS = 10_000
"""Training pairs in which characters unknown to an existing tokenizer are counted."""
_LABELS: dict[Split, str] = {"validation": ".align", "test": ".kind"}
"""Files that label each sentence of a split: with its gold alignment, or with its kind."""


class Prepared(NamedTuple):
    """A run folder with everything that training reads from it."""

    run: RunFolder
    config: Config
    tokenizer: Tokenizer
    validation: Corpus
    filtered: FilterResult


def prepare(config: Config, folder: Path, *, overwrite: bool, notify: Notify) -> Prepared:
    """Open the run folder to resume training, or create it.

    Raises UsageError or DataError if the run was started with different settings or sentences, MachineError if the folder is
    not a run.
    """
    run = RunFolder(folder)
    if overwrite:
        run.require_replaceable()
    elif run.is_run:
        return reopen(config, run, notify)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MachineError(str(folder), "exists and is not a run folder", "choose another --output")
    return _create(config, run, notify)


def reopen(config: Config, run: RunFolder, notify: Notify) -> Prepared:
    """Open an existing run.

    Raises UsageError for other settings and DataError for other training or validation sentences than it was started with.
    The run keeps its test sentences, so a changed test set is only reported.
    """
    run.require_intact()
    config = config.for_pairs(run.record().corpus.train.kept)
    if changed := differences(flatten(run.config()), flatten(config)):
        changes = ", ".join(f"{key} was {old!r}, is now {new!r}" for key, old, new in changed)
        advice = (
            "only the length of training, logging and checkpoints may change; give another --output, or --overwrite"
        )
        raise UsageError(str(run.path), f"was started with different settings: {changes}", advice)
    filtered, _, held_out = read_splits(config.corpus, reads_test=False)
    validation = held_out["validation"]
    recorded = run.record().corpus
    for split, found, expected in (
        ("training", filtered.fingerprint, recorded.train.fingerprint),
        ("validation", validation.fingerprint, recorded.validation.fingerprint),
    ):
        if found != expected:
            problem = f"was started with different {split} sentences (fingerprint {expected}, now {found})"
            raise DataError(str(run.path), problem, "restore the files, or give another --output, or --overwrite")
    test = recorded.test if "test" not in held_out else None
    if test is not None and (change := _change_of_test(config.corpus, test.fingerprint)):
        notify(f"warning: {change}; this run still reports scores on the test sentences that it was started with")
    return Prepared(run, config, run.tokenizer(), validation, filtered)


def _change_of_test(settings: CorpusSettings, expected: str) -> str | None:
    """Return how the test set differs from the one with the expected fingerprint, or None."""
    try:
        test = read_split(settings, "test")
    except DataError as error:
        return str(error)
    places, found = " and ".join(dict.fromkeys(test.places)), test.fingerprint
    return None if found == expected else f"{places}: different test sentences (fingerprint {expected}, now {found})"


class Examined(NamedTuple):
    """A new run before anything is written."""

    prepared: Prepared
    sample: Corpus  # of the training pairs
    splits: dict[Split, CheckedSplit]
    revision: str | None
    unknown_share: float
    words: tuple[WordCounts, WordCounts]  # of the sources and targets


def examine(config: Config, run: RunFolder, notify: Notify) -> Examined:
    """Read and check the corpus, choose settings that depend on its size, and train the tokenizer, without writing anything."""
    sample, source_words, target_words = PairSample(config.tokenizer), WordCounts(), WordCounts()

    def collect(block: Block) -> None:
        sample.add(block)
        source_words.add(block.source)
        target_words.add(block.target)

    filtered, stream, held_out = read_splits(config.corpus, collect)
    by_pairs, config = {key for _, row in config.by_pairs for key in row}, config.for_pairs(filtered.counts.kept)
    if by_pairs:
        chosen = ", ".join(f"{key} = {value}" for key, value in config.without_defaults().items() if key in by_pairs)
        notify(f"settings for {filtered.counts.kept:,} training pairs: {chosen}")
    before = learned_before(config)
    # Pairs that the first run was trained on count as leaked, too.
    known = distinct(np.concatenate([filtered.pair_hashes, before.pair_hashes]))
    filtered = filtered._replace(pair_hashes=known)
    splits = _check_held_out(config.corpus, held_out, filtered, sample.corpus())
    for line in chain(
        describe_layout(config.corpus, stream, sample.corpus(), splits), describe_counts(filtered, splits)
    ):
        notify(line)
    if sample.notice and not config.tokenizer.path:
        notify(sample.notice)
    settings = config.tokenizer
    if "tokenizer.vocab_size" in by_pairs:
        settings = _with_room_for_characters(settings, sample.corpus(), notify)
    tokenizer = train_tokenizer(sample.corpus(), settings, notify)
    validation = splits["validation"].corpus
    unknown_share = tokenizer.unknown_share(validation)
    if config.tokenizer.path:
        source, target, *_ = sample.corpus()
        # An even sample.
        every = max(1, len(source) // _COUNTED_PAIRS)
        share = tokenizer.unknown_share(Corpus(source[::every], target[::every]))
        percents = (
            f"{100 * share:.2f} % of the training tokens and {100 * unknown_share:.2f} % of the validation tokens"
        )
        notify(f"{config.tokenizer.path}: {percents} are characters unknown to this tokenizer")
    if unknown_share >= _UNFAMILIAR_SHARE:
        percent = f"{100 * unknown_share:.0f} %"
        notify(f"warning: {percent} of the validation tokens are characters that do not occur in the training pairs")
    if path := labels_path(config.corpus, "validation", _LABELS["validation"]):
        read_gold(path, word_counts(tokenizer, validation.source, validation.target))
    initial_parameters(config, tokenizer)  # for its errors, before an older run is replaced
    find_teachers(config, run)
    prepared = Prepared(run, config, tokenizer, validation, filtered)
    words = source_words, target_words
    return Examined(prepared, sample.corpus(), splits, stream.revision, unknown_share, words)


def _with_room_for_characters(settings: TokenizerSettings, sample: Corpus, notify: Notify) -> TokenizerSettings:
    """Return the settings with a vocabulary that holds all characters, even of Chinese, and as many longer tokens."""
    num_characters = len(set().union(*sample.source, *sample.target))
    needed = 2 * num_characters + _BYTE_TOKENS
    if needed <= settings.vocab_size:
        return settings
    reason = f"the corpus has {num_characters:,} different characters"
    notify(f"tokenizer.vocab_size: raised from {settings.vocab_size:,} to {needed:,}, because {reason}")
    return settings.model_copy(update={"vocab_size": needed})


def _create(config: Config, run: RunFolder, notify: Notify) -> Prepared:
    """Write a new run folder, complete or not at all."""
    require_other_run(config, run)
    if run.path.name in ("", ".."):
        raise UsageError(
            "--output", f"found {str(run.path)!r}, which does not name a run", "give a name, such as runs/mine"
        )
    prepared, _, splits, revision, unknown_share, words = examine(config, run, notify)
    config, before = prepared.config, learned_before(prepared.config)
    # Little-endian, whatever the machine.
    pair_hashes = prepared.filtered.pair_hashes.astype("<u8").tobytes()
    record = _run_record(prepared, splits, revision=revision, unknown_share=unknown_share, pair_hashes=pair_hashes)
    source_words, target_words = words
    with new_folder(run.path) as temporary:
        write_part(temporary / CONFIG, dump_config(config).encode())
        write_part(temporary / RECORD, record.as_json())
        write_part(temporary / PAIRS, pair_hashes)
        prepared.tokenizer.save(temporary / "tokenizer")
        save_words(before.words.union(count_words(source_words.total())), temporary / WORDS)
        save_counts(before.counts + count_words(target_words.total()), temporary / COUNTS)
        (temporary / "corpus").mkdir()
        files = first_test(config)
        for name, (corpus, _, labels) in splits.items():
            files |= {
                f"{name}.source": corpus.source,
                f"{name}.target": corpus.target,
                f"{name}{_LABELS[name]}": labels,
                **{other_reference(name, number): lines for number, lines in enumerate(corpus.others, 1)},
            }
        for file, lines in files.items():
            if lines:
                write_part(temporary / "corpus" / file, join_lines(lines).encode())
    return prepared


def _check_held_out(
    settings: CorpusSettings, held_out: dict[Split, Corpus], filtered: FilterResult, sample: Corpus
) -> dict[Split, CheckedSplit]:
    """Check the validation sentences and, if there are any, the test sentences, and read their labels."""
    splits: dict[Split, CheckedSplit] = {}
    for name, corpus in held_out.items():
        has_file = name not in settings.held_out_splits
        labels = read_labels(settings, name, _LABELS[name], num_pairs=len(corpus.source)) if has_file else None
        splits[name] = CheckedSplit(corpus, check_held_out(corpus, settings, filtered, sample), labels)
    return splits


def _run_record(
    prepared: Prepared,
    splits: dict[Split, CheckedSplit],
    *,
    revision: str | None,
    unknown_share: float,
    pair_hashes: bytes,
) -> RunRecord:
    filtered, tokenizer = prepared.filtered, prepared.tokenizer
    train = TrainingPairs(
        **filtered.counts._asdict(),
        revision=revision,
        long_source=filtered.long_source,
        fingerprint=filtered.fingerprint,
        findings=_finding_records(filtered.findings),
    )
    held_out = {
        name: HeldOutPairs(
            read=len(corpus.source),
            also_in_training=check.also_in_training,
            sources_in_training=check.sources_in_training,
            fingerprint=corpus.fingerprint,
            findings=_finding_records(check.findings),
        )
        for name, (corpus, check, _) in splits.items()
    }
    validation = ValidationPairs(**dict(held_out["validation"]), unknown_share=unknown_share)
    return RunRecord(
        created_at=now(),
        corpus=CorpusRecord(train=train, validation=validation, test=held_out.get("test")),
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
    """Return the findings with the names of their files only, because a run may be moved or shared."""
    return [FindingRecord(**finding._replace(place=Path(finding.place).name)._asdict()) for finding in findings]
