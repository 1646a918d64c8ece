"""A parallel corpus: two lists of sentences of which line n translates line n, what is cleaned from it, and its counts.

Where the lines come from (two files, TSV, JSONL, the Hugging Face hub) is `sources.py`'s.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from pydantic import Field

from translator.errors import DataError
from translator.settings import Settings

Split: TypeAlias = Literal["train", "validation", "test"]
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"


class HubSettings(Settings):
    """`[corpus.hub]`: a data set of the Hugging Face hub, or a local folder of the same shape."""

    name: str = Field("", description="owner/name, or a local folder")
    configuration: str | None = Field(None, description="the data set's configuration, where it has several")
    revision: str | None = Field(None, description="a commit or tag; what it resolves to is recorded with the run")
    train: str = Field("train", description="split to train on")
    validation: str = Field("validation", description="split to validate on")
    test: str | None = Field("test", description="split to report on")
    source_column: str | None = Field(None, description="column of the source; default: the language")
    target_column: str | None = Field(None, description="column of the target; default: the language")


class CorpusSettings(Settings):
    """`[corpus]`: where the sentences are, and which training pairs are left out."""

    format: Literal["files", "tsv", "jsonl", "hub"] = Field("files", description="where the sentences come from")
    source_language: str = Field("en", min_length=1, description="suffix of source files, key of source fields")
    target_language: str = Field("de", min_length=1, description="suffix of target files, key of target fields")
    folder: Path = Field(Path(), description="where files are; in a config, relative to the config's own folder")
    train: str | tuple[str, str] = Field("train", description="name without language, or a pair of file names")
    validation: str | tuple[str, str] = Field("valid", description="the same, for validation")
    test: str | tuple[str, str] | None = Field("test", description="the same, for reporting; may be left out")
    hub: HubSettings = Field(HubSettings(), description="for format = hub")
    max_words: int = Field(200, ge=1, description="longest training sentence, in words between spaces")
    max_ratio: float = Field(
        9.0, ge=0, description="most words of one side for one of the other, short pairs excepted; 0: any"
    )

    @property
    def has_test(self) -> bool:
        """Whether there is a test set."""
        return (self.hub.test if self.format == "hub" else self.test) is not None


class Corpus(NamedTuple):
    """Sentences that translate each other, NFC-normalised."""

    source: list[str]
    target: list[str]
    revision: str | None = None  # the commit of a hub data set, where it is known

    @property
    def fingerprint(self) -> str:
        """SHA-256 over both sides, line by line."""
        total = hashlib.sha256()
        for side in (self.source, self.target):
            total.update("\n".join(side).encode() + b"\0")
        return total.hexdigest()


class Counts(NamedTuple):
    """What was read, left out by each rule, and kept; duplicates and identical sides are counted but kept."""

    read: int
    blank: int
    too_long: int
    ratio: int
    kept: int
    duplicates: int
    identical: int


def clean(corpus: Corpus, settings: CorpusSettings) -> tuple[Corpus, Counts]:
    """Leave out training pairs that cannot be learned from. Raises DataError where nothing is left."""
    faults = [fault(*pair, settings) for pair in zip(corpus.source, corpus.target, strict=True)]
    kept = [pair for pair, why in zip(zip(corpus.source, corpus.target, strict=True), faults, strict=True) if not why]
    counts = Counts(
        read=len(faults),
        blank=faults.count("blank"),
        too_long=faults.count("too_long"),
        ratio=faults.count("ratio"),
        kept=len(kept),
        duplicates=len(kept) - len(set(kept)),
        identical=sum(source == target for source, target in kept),
    )
    if not kept:
        why = f"{counts.blank} blank, {counts.too_long} over corpus.max_words, {counts.ratio} over corpus.max_ratio"
        raise DataError(
            "[corpus]", f"0 of {counts.read} training pairs left after cleaning ({why})", "change these settings"
        )
    return Corpus([source for source, _ in kept], [target for _, target in kept], corpus.revision), counts


def fault(source: str, target: str, settings: CorpusSettings) -> str | None:
    """Why a pair is left out, or None."""
    num_source, num_target = len(visible_words(source)), len(visible_words(target))
    shorter, longer = sorted((num_source, num_target))
    if shorter == 0:
        return "blank"
    if longer > settings.max_words:
        return "too_long"
    if settings.max_ratio and longer > settings.max_ratio * (shorter + 2):
        return "ratio"
    return None


def visible_words(line: str) -> list[str]:
    """The words of a line, invisible characters not counted."""
    return line.translate(dict.fromkeys(map(ord, INVISIBLE))).split()


def overlap(train: Corpus, other: Corpus) -> list[int]:
    """The line numbers (from 1) of `other` whose pair is also a training pair."""
    known = set(zip(train.source, train.target, strict=True))
    pairs = zip(other.source, other.target, strict=True)
    return [number for number, pair in enumerate(pairs, 1) if pair in known]


def aligned(source: Iterable[str], target: Iterable[str], places: tuple[str, str]) -> Corpus:
    """Two sides as a corpus. Raises DataError where their counts differ: nothing is cut to fit."""
    sides = [[unicodedata.normalize("NFC", line) for line in side] for side in (source, target)]
    (source_lines, target_lines), counts = sides, [len(side) for side in sides]
    if counts[0] != counts[1]:
        longer = source_lines if counts[0] > counts[1] else target_lines
        blank = not any(line.strip() for line in longer[min(counts) :])
        advice = "remove the trailing blank line" if blank else "line n of one must translate line n of the other"
        raise DataError(places[1], f"{counts[1]:,} lines, but {places[0]} has {counts[0]:,}", advice)
    if not any(line.strip() for line in source_lines):
        raise DataError(places[0], "is empty", "give a file with sentences")
    if not any(line.strip() for line in target_lines):
        raise DataError(places[1], "is empty", "give a file with sentences")
    return Corpus(source_lines, target_lines)
