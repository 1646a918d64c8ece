"""From a config to a run folder ready for its first update: read, clean, train the tokenizer, note what was done."""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch

from translator.config import Config, differences, dump_config, flatten
from translator.errors import MachineError, UsageError
from translator.experiment.encoded import about_corpus, encoded_pairs, find_neighbour
from translator.experiment.run_folder import (
    CONFIG,
    COUNTS,
    FORMAT,
    PAIRS,
    RECORD,
    VALIDATION_LINKS,
    WORDS,
    RunFolder,
    now,
    require_replaceable,
)
from translator.text.batches import EncodedPairs
from translator.text.corpus import Corpus
from translator.text.gate import RULES, Admitted, Finding, Gate, examine, require_pairs
from translator.text.sources import open_split, read_labels, read_split
from translator.text.tokenizer import Sample, Tokenizer, train_tokenizer
from translator.text.words import count_words, known_words, save_counts, save_words
from translator.training.folders import new_folder, write_part
from translator.version import __version__

Tell = Callable[[str], None]
UNFAMILIAR = 0.01  # share of pieces


class Read(NamedTuple):
    """What one pass over the training pairs left in memory."""

    admitted: Admitted
    sample: Sample
    words: frozenset[str]  # of the source
    counts: Counter[str]  # of the words of the target
    revision: str | None


class Prepared(NamedTuple):
    """A run folder with what its training reads."""

    run: RunFolder
    config: Config
    tokenizer: Tokenizer
    validation: Corpus
    admitted: Admitted

    def pairs(self, tell: Tell) -> EncodedPairs:
        """The training pairs as pieces; call it with the run folder locked."""
        return encoded_pairs(self.run, self.config, self.tokenizer, self.admitted, tell=tell)


def prepare(config: Config, folder: Path, *, overwrite: bool, tell: Tell) -> Prepared:
    """Open the run folder to go on in it, or make it. Raises UsageError or MachineError for a folder of something else."""
    run = RunFolder(folder)
    if overwrite:
        require_replaceable(folder)
        return make(config, run, tell)
    if run.is_run:
        return reopen(config, run)
    if folder.exists() and (not folder.is_dir() or any(not one.name.startswith(".") for one in folder.iterdir())):
        raise MachineError(str(folder), "exists and is not a run folder", "choose another --output")
    return make(config, run, tell)


def read_training(config: Config) -> Read:
    """Pass all training pairs through the gate once; the text itself is not kept."""
    stream = open_split(config.corpus, "train")
    gate, sample = Gate(config.corpus, stream.places), Sample(config.tokenizer)
    tokens: set[str] = set()
    target_tokens: Counter[str] = Counter()
    for block in stream.blocks:
        kept = gate.admit(block)
        sample.add(kept)
        tokens.update(" ".join(kept.source).split())
        target_tokens.update(" ".join(kept.target).split())
    found = gate.close()
    require_pairs(found.counts)
    return Read(found, sample, known_words(tokens), count_words(target_tokens), stream.revision)


def make(config: Config, run: RunFolder, tell: Tell) -> Prepared:
    """A new run folder, complete or not at all."""
    read = read_training(config)
    train = read.sample.corpus()
    counts = {**read.admitted.counts._asdict(), "revision": read.revision}
    noted: dict[str, Any] = {"train": {**counts, **facts(read.admitted.fingerprint, read.admitted.findings)}}
    validation = read_split(config.corpus, "validation")
    test = read_split(config.corpus, "test") if config.corpus.has_test else None
    findings = [one for one in read.admitted.findings if one.is_warning]
    for name, split in (("validation", validation), ("test", test)):
        if split is not None:
            seen = examine(split, config.corpus, read.admitted, train)
            noted[name] = {"read": len(split.source), **seen._asdict(), **facts(split.fingerprint, seen.findings)}
            findings += seen.findings
    for line in [*describe(noted, read.admitted.findings), *(f"warning: {finding}" for finding in findings)]:
        tell(line)
    tokenizer = find_tokenizer(config, run, read, tell)
    noted["validation"]["unknown_pieces"] = share = tokenizer.unknown_share(validation)
    if share >= UNFAMILIAR:
        tell(f"warning: {100 * share:.0f} % of the validation pieces are characters that the training pairs lack")
    content = read.admitted.pairs.astype("<u8").tobytes()
    with new_folder(run.path) as temporary:
        record = record_of(noted, tokenizer) | {"pairs": hashlib.sha256(content).hexdigest()}
        write_part(temporary / CONFIG, dump_config(config).encode())
        write_part(temporary / RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode())
        write_part(temporary / PAIRS, content)
        tokenizer.save(temporary / "tokenizer")
        save_words(read.words, temporary / WORDS)
        save_counts(read.counts, temporary / COUNTS)
        write_split(temporary / "corpus", "validation", validation, None)
        if gold := read_labels(config.corpus, "validation", ".align"):
            write_part(temporary / VALIDATION_LINKS, "".join(f"{line}\n" for line in gold).encode())
        if test is not None:
            write_split(temporary / "corpus", "test", test, read_labels(config.corpus, "test", ".kind"))
    return Prepared(run, config, tokenizer, validation, read.admitted)


def find_tokenizer(config: Config, run: RunFolder, read: Read, tell: Tell) -> Tokenizer:
    """A neighbour's, if it was learned from the same pairs in the same way, or a new one."""
    if neighbour := find_neighbour(run, about_corpus(config, read.admitted)):
        tell(f"tokenizer and encoded pairs: those of {neighbour[0].path}")
        return neighbour[1]
    tokenizer, notice = train_tokenizer(read.sample.corpus(), config.tokenizer)
    for line in (read.sample.notice, notice):
        if line:
            tell(line)
    return tokenizer


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
    read, validation = read_training(config), read_split(config.corpus, "validation")
    recorded = run.record()["corpus"]
    for split, fingerprint in (("train", read.admitted.fingerprint), ("validation", validation.fingerprint)):
        if fingerprint != recorded[split]["fingerprint"]:
            raise UsageError(
                str(run.path), f"was begun with other {split} sentences", "give another --output, or --overwrite"
            )
    tokenizer = Tokenizer.load(run.tokenizer, run.record()["tokenizer"])
    return Prepared(run, config, tokenizer, validation, read.admitted)


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


def write_split(folder: Path, name: str, corpus: Corpus, kinds: list[str] | None) -> None:
    """The run's own copy of sentences to be scored on."""
    folder.mkdir(exist_ok=True)
    for suffix, lines in (("source", corpus.source), ("target", corpus.target), ("kind", kinds)):
        if lines is not None:
            write_part(folder / f"{name}.{suffix}", "".join(f"{line}\n" for line in lines).encode())
