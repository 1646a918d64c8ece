"""From a config to a run folder ready for its first update: read, clean, train the tokenizer, note what was done."""

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch

from translator.config import Config, differences, dump_config
from translator.errors import MachineError, ModelError, UsageError
from translator.experiment.run_folder import (
    CONFIG,
    FORMAT,
    RECORD,
    VALIDATION_LINKS,
    WORDS,
    RunFolder,
    now,
    require_replaceable,
)
from translator.text.corpus import Corpus, clean, overlap
from translator.text.sources import read_labels, read_split
from translator.text.tokenizer import Tokenizer, train_tokenizer
from translator.text.words import known_words, save_words
from translator.training.folders import new_folder, write_part
from translator.version import __version__

Tell = Callable[[str], None]


class Prepared(NamedTuple):
    """A run folder with what its training reads."""

    run: RunFolder
    tokenizer: Tokenizer
    train: Corpus
    validation: Corpus


def prepare(config: Config, folder: Path, *, overwrite: bool, tell: Tell) -> Prepared:
    """Open the run folder to go on in it, or make it. Raises UsageError or MachineError for a folder of something else."""
    run = RunFolder(folder)
    if overwrite:
        require_replaceable(folder)
        return make(config, run, tell)
    if run.is_run:
        return reopen(config, run, tell)
    if folder.exists() and (not folder.is_dir() or any(not one.name.startswith(".") for one in folder.iterdir())):
        raise MachineError(str(folder), "exists and is not a run folder", "choose another --output")
    return make(config, run, tell)


def read_training(config: Config) -> tuple[Corpus, Corpus, dict[str, Any]]:
    """(cleaned training pairs, validation pairs, what is noted about them)."""
    whole = read_split(config.corpus, "train")
    validation = read_split(config.corpus, "validation")
    kept, counts = clean(whole, config.corpus)
    shared = overlap(kept, validation)
    noted = {
        "train": {**counts._asdict(), "fingerprint": whole.fingerprint, "revision": whole.revision},
        "validation": {
            "read": len(validation.source),
            "fingerprint": validation.fingerprint,
            "also_in_training": len(shared),
        },
    }
    return kept, validation, noted


def make(config: Config, run: RunFolder, tell: Tell) -> Prepared:
    """A new run folder, complete or not at all."""
    train, validation, noted = read_training(config)
    test = read_split(config.corpus, "test") if config.corpus.has_test else None
    if test is not None:
        noted["test"] = {
            "read": len(test.source),
            "fingerprint": test.fingerprint,
            "also_in_training": len(overlap(train, test)),
        }
    for line in describe(noted):
        tell(line)
    tokenizer, notice = train_tokenizer(train, config.tokenizer)
    if notice:
        tell(notice)
    with new_folder(run.path) as temporary:
        write_part(temporary / CONFIG, dump_config(config).encode())
        write_part(temporary / RECORD, json.dumps(record_of(noted, tokenizer), indent=1, ensure_ascii=False).encode())
        tokenizer.save(temporary / "tokenizer")
        save_words(known_words(train.source), temporary / WORDS)
        write_split(temporary / "corpus", "validation", validation, None)
        if gold := read_labels(config.corpus, "validation", ".align"):
            write_part(temporary / VALIDATION_LINKS, "".join(f"{line}\n" for line in gold).encode())
        if test is not None:
            write_split(temporary / "corpus", "test", test, read_labels(config.corpus, "test", ".kind"))
    return Prepared(run, tokenizer, train, validation)


def reopen(config: Config, run: RunFolder, tell: Tell) -> Prepared:
    """An existing run, if it is the same experiment on the same data."""
    if changed := differences(run.config(), config):
        raise UsageError(
            str(run.path),
            "was begun with other settings: "
            + ", ".join(f"{key} was {old!r}, is now {new!r}" for key, old, new in changed),
            "only how long it trains and what it logs and keeps may change; give another --output, or --overwrite",
        )
    train, validation, noted = read_training(config)
    recorded = run.record()["corpus"]
    for split, facts in noted.items():
        if facts["fingerprint"] != recorded[split]["fingerprint"]:
            raise UsageError(
                str(run.path), f"was begun with other {split} sentences", "give another --output, or --overwrite"
            )
    tokenizer = Tokenizer.load(run.tokenizer)
    if tokenizer.fingerprint != run.record()["tokenizer"]:
        raise ModelError(
            str(run.tokenizer), "is not the tokenizer that the run began with (SHA-256 differs)", "restore it"
        )
    return Prepared(run, tokenizer, train, validation)


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


def describe(noted: dict[str, Any]) -> list[str]:
    """The counts as lines for a person; rules that met nothing are left out."""
    train = noted["train"]
    dropped = [f"{train[rule]:,} {rule.replace('_', ' ')}" for rule in ("blank", "too_long", "ratio") if train[rule]]
    remarked = [f"{train[rule]:,} {rule}" for rule in ("duplicates", "identical") if train[rule]]
    lines = [f"training pairs: {train['read']:,} read, {train['kept']:,} kept" + ("; " if dropped else "")]
    lines[0] += ("left out: " + ", ".join(dropped)) if dropped else ""
    if remarked:
        lines.append("kept all the same: " + ", ".join(remarked))
    for split in ("validation", "test"):
        if split in noted:
            shared = noted[split]["also_in_training"]
            lines.append(
                f"{split} pairs: {noted[split]['read']:,}" + (f", {shared:,} also in training" if shared else "")
            )
    return lines


def write_split(folder: Path, name: str, corpus: Corpus, kinds: list[str] | None) -> None:
    """The run's own copy of sentences to be scored on."""
    folder.mkdir(exist_ok=True)
    for suffix, lines in (("source", corpus.source), ("target", corpus.target), ("kind", kinds)):
        if lines is not None:
            write_part(folder / f"{name}.{suffix}", "".join(f"{line}\n" for line in lines).encode())
