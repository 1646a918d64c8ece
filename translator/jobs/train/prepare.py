"""From a config to a run folder ready for its first update: read, clean, train the tokenizer, note what was done."""

import hashlib
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch

from translator.config import Config, differences, dump_config, flatten
from translator.errors import MachineError, ModelError, UsageError
from translator.evaluation.alignment import read_gold
from translator.jobs.inspect.attention import word_counts
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.translate.build import build_model, vocabularies_of
from translator.ops.choice import Ops
from translator.runs.folder import (
    CONFIG,
    COUNTS,
    FORMAT,
    PAIRS,
    RECORD,
    WORDS,
    RunFolder,
    now,
    require_replaceable,
)
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.text.arrow_words import WordCounts
from translator.text.batches import EncodedPairs
from translator.text.corpus import Block, Corpus
from translator.text.filters import RULES, FilterResult, Finding, PairFilter, check_held_out, require_pairs
from translator.text.sources import labels_path, open_split, read_labels, read_split
from translator.text.store import threaded_map
from translator.text.tokenizer import Tokenizer, TokenizerSettings
from translator.text.tokenizer_training import PairSample, train_tokenizer
from translator.text.words import count_words, known_words, save_counts, save_words
from translator.training.checkpoint import MODEL, check_shapes, read_parameters, shapes_of
from translator.version import __version__

Tell = Callable[[str], None]
UNFAMILIAR = 0.01  # share of pieces


class Gathered:
    """What a new run notes of its training pairs as they pass."""

    def __init__(self, settings: TokenizerSettings) -> None:
        self.sample = PairSample(settings)
        self.source_tokens, self.target_tokens = WordCounts(), WordCounts()

    def add(self, block: Block) -> None:
        """The next pairs."""
        self.sample.add(block)
        self.source_tokens.add(block.source)
        self.target_tokens.add(block.target)


class Prepared(NamedTuple):
    """A run folder with what its training reads."""

    run: RunFolder
    config: Config
    tokenizer: Tokenizer
    validation: Corpus
    admitted: FilterResult

    def pairs(self, notify: Tell) -> EncodedPairs:
        """The training pairs as pieces; call it with the run folder locked."""
        return encoded_pairs(self.run, self.config, self.tokenizer, self.admitted, notify=notify)


def prepare(config: Config, folder: Path, *, overwrite: bool, notify: Tell) -> Prepared:
    """Open the run folder to go on in it, or make it. Raises UsageError or MachineError for a folder of something else."""
    run = RunFolder(folder)
    if overwrite:
        require_replaceable(folder)
        return make(config, run, notify)
    if run.is_run:
        return reopen(config, run)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MachineError(str(folder), "exists and is not a run folder", "choose another --output")
    return make(config, run, notify)


def admit(config: Config, gathered: Gathered | None = None) -> tuple[FilterResult, str | None]:
    """Pass all training pairs through the filter once, without keeping them; returns what it found, and their revision."""
    stream = open_split(config.corpus, "train")
    pair_filter = PairFilter(config.corpus, stream.places)
    for kept in threaded_map(pair_filter.filter, stream.blocks, 1):
        if gathered is not None:
            gathered.add(kept)
    found = pair_filter.result()
    require_pairs(found.counts)
    return found, stream.revision


def make(config: Config, run: RunFolder, notify: Tell) -> Prepared:
    """A new run folder, complete or not at all."""
    if run.path.name in ("", ".."):
        raise UsageError("--output", f"found {str(run.path)!r}, which gives the run no name", "type one, as runs/mine")
    gathered = Gathered(config.tokenizer)
    admitted, revision = admit(config, gathered)
    train = gathered.sample.corpus()
    counts = {**admitted.counts._asdict(), "revision": revision}
    noted: dict[str, Any] = {"train": {**counts, **facts(admitted.fingerprint, admitted.findings)}}
    validation = read_split(config.corpus, "validation")
    test = read_split(config.corpus, "test") if config.corpus.has_test else None
    gold = read_labels(config.corpus, "validation", ".align", num_pairs=len(validation.source))
    kinds = read_labels(config.corpus, "test", ".kind", num_pairs=len(test.source)) if test is not None else None
    findings = [one for one in admitted.findings if one.is_warning]
    for name, split in (("validation", validation), ("test", test)):
        if split is not None:
            seen = check_held_out(split, config.corpus, admitted, train)
            noted[name] = {"read": len(split.source), **seen._asdict(), **facts(split.fingerprint, seen.findings)}
            findings += seen.findings
    for line in [*describe(noted, admitted.findings), *(f"warning: {finding}" for finding in findings)]:
        notify(line)
    if gathered.sample.notice:
        notify(gathered.sample.notice)
    tokenizer = train_tokenizer(train, config.tokenizer, notify)
    noted["validation"]["unknown_pieces"] = share = tokenizer.unknown_share(validation)
    if share >= UNFAMILIAR:
        notify(f"warning: {100 * share:.0f} % of the validation pieces are characters that the training pairs lack")
    if path := labels_path(config.corpus, "validation", ".align"):
        read_gold(path, word_counts(tokenizer, validation.source, validation.target))
    initial_parameters(config, tokenizer, run)  # what is wrong with them is told before an older run is replaced
    content = admitted.pair_hashes.astype("<u8").tobytes()
    with new_folder(run.path) as temporary:
        record = record_of(noted, tokenizer) | {"pairs": hashlib.sha256(content).hexdigest()}
        write_part(temporary / CONFIG, dump_config(config).encode())
        write_part(temporary / RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode())
        write_part(temporary / PAIRS, content)
        tokenizer.save(temporary / "tokenizer")
        save_words(known_words(gathered.source_tokens.total()), temporary / WORDS)
        save_counts(count_words(gathered.target_tokens.total()), temporary / COUNTS)
        write_split(temporary / "corpus", "validation", validation, {"align": gold})
        if test is not None:
            write_split(temporary / "corpus", "test", test, {"kind": kinds})
    return Prepared(run, config, tokenizer, validation, admitted)


def initial_parameters(config: Config, tokenizer: Tokenizer, run: RunFolder) -> dict[str, torch.Tensor] | None:
    """The final weights of `training.initialise_from`, None where it names no run. Raises ModelError where they do not fit."""
    if config.training.initialise_from is None:
        return None
    other = RunFolder(Path(config.training.initialise_from))
    if other.path.resolve() == run.path.resolve():
        raise UsageError("training.initialise_from", f"{other.path} is the run itself", "give another --output")
    other.require_finished()
    if other.record()["tokenizer"] != tokenizer.fingerprint:
        raise ModelError(
            "training.initialise_from",
            f"{other.path} has another tokenizer",
            "its pieces would mean other words; train both on the same corpus and [tokenizer]",
        )
    weights = read_parameters(other.final / MODEL)
    with torch.device("meta"):
        model = build_model(config, vocabularies_of(tokenizer), ops=Ops())
    check_shapes(weights, shapes_of(model), str(other.final / MODEL))
    return weights


def reopen(config: Config, run: RunFolder) -> Prepared:
    """An existing run, if it is the same experiment on the same data."""
    run.require_intact()
    if changed := differences(flatten(run.config()), flatten(config)):
        raise UsageError(
            str(run.path),
            "was begun with other settings: "
            + ", ".join(f"{key} was {old!r}, is now {new!r}" for key, old, new in changed),
            "only how long it trains and what it logs and keeps may change; give another --output, or --overwrite",
        )
    (admitted, _), validation = admit(config), read_split(config.corpus, "validation")
    recorded = run.record()["corpus"]
    for split, fingerprint in (("train", admitted.fingerprint), ("validation", validation.fingerprint)):
        if fingerprint != recorded[split]["fingerprint"]:
            raise UsageError(
                str(run.path), f"was begun with other {split} sentences", "give another --output, or --overwrite"
            )
    return Prepared(run, config, run.tokenizer(), validation, admitted)


def record_of(noted: dict[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    """What run.json says."""
    return {
        "format": FORMAT,
        "created_at": now(),
        "corpus": noted,
        "tokenizer": tokenizer.fingerprint,
        "pieces": {"source": tokenizer.source_size, "target": tokenizer.target_size},
        "versions": {
            "translator": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "sentencepiece": sentencepiece.__version__,
        },
        "threads": torch.get_num_threads(),
    }


def facts(fingerprint: str, findings: list[Finding]) -> dict[str, Any]:
    """A split's fingerprint and what was found in it, without folders: a run may be moved and given away."""
    found = [finding._replace(place=Path(finding.place).name)._asdict() for finding in findings]
    return {"fingerprint": fingerprint, "findings": found}


def describe(noted: dict[str, Any], findings: list[Finding]) -> list[str]:
    """The counts as lines for a person; rules that met nothing are left out."""
    train, first = noted["train"], {finding.what: f"{finding.place}:{finding.line}" for finding in findings}
    dropped = [f"{train[rule]:,} {rule.replace('_', ' ')} (first {first[rule]})" for rule in RULES if train[rule]]
    remarked = [f"{train[rule]:,} {rule}" for rule in ("duplicates", "identical") if train[rule]]
    lines = [f"training pairs: {train['read']:,} read, {train['kept']:,} kept" + ("; " if dropped else "")]
    lines[0] += ("left out: " + ", ".join(dropped)) if dropped else ""
    if remarked:
        lines.append("kept all the same: " + ", ".join(remarked))
    for split in ("validation", "test"):
        if split in noted:
            read, pairs, sources = (noted[split][key] for key in ("read", "also_in_training", "sources_in_training"))
            lines.append(
                f"{split} pairs: {read:,}"
                + (f", {pairs:,} also in training" if pairs else "")
                + (f", {sources:,} with a source that is there" if sources > pairs else "")
            )
    return lines


def write_split(folder: Path, name: str, corpus: Corpus, labels: dict[str, list[str] | None]) -> None:
    """The run's own copy of sentences to be scored on, and of what is said of each, where something is."""
    folder.mkdir(exist_ok=True)
    for suffix, lines in {"source": corpus.source, "target": corpus.target, **labels}.items():
        if lines:
            write_part(folder / f"{name}.{suffix}", "".join(f"{line}\n" for line in lines).encode())
