"""A parallel corpus: sentences of which line n translates line n, whole or as a stream of blocks.

Where the lines come from (two files, TSV, JSONL, the Hugging Face hub) is decided by `sources.py`, which pairs are used is decided by `filters.py`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from pydantic import Field

from translator.settings import Settings

Split: TypeAlias = Literal["train", "validation", "test"]


class HubSettings(Settings):
    """`[corpus.hub]`: a data set of the Hugging Face hub, or a local folder of the same shape."""

    name: str = Field("", description="owner/name, or a local folder")
    configuration: str | None = Field(None, description="the data set's configuration, where it has several")
    revision: str | None = Field(None, description="a commit or tag; what it resolves to is recorded with the run")
    train: str = Field("train", description="split to train on")
    validation: str = Field("validation", description="split to validate on")
    test: str | None = Field(None, description="split to report on; empty: none")
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
    test: str | tuple[str, str] | None = Field(None, description="the same, for reporting; empty: none")
    hub: HubSettings = Field(HubSettings(), description="for format = hub")
    max_words: int = Field(200, ge=1, description="longest training sentence, in words between spaces")
    max_characters: int = Field(
        5000, ge=1, description="longest training sentence, in characters, for text without spaces"
    )
    max_ratio: float = Field(
        9.0, ge=0, description="most words of one side for one of the other, short pairs excepted; 0: any"
    )
    misaligned: Literal["stop", "warn"] = Field(
        "stop", description="what to do where line n no longer seems to translate line n"
    )

    @property
    def has_test(self) -> bool:
        """Whether there is a test set."""
        return bool(self.hub.test if self.format == "hub" else self.test)


class Block(NamedTuple):
    """Some consecutive pairs, NFC-normalised; no line holds a line feed."""

    source: list[str]
    target: list[str]


class Stream(NamedTuple):
    """A split as blocks, to be read once."""

    blocks: Iterator[Block]
    places: tuple[str, str]  # where the sides come from, for `place:line`
    revision: str | None = None  # the commit of a hub data set, where it is known


class Corpus(NamedTuple):
    """A whole split: sentences that translate each other, NFC-normalised."""

    source: list[str]
    target: list[str]
    places: tuple[str, str] = ("source", "target")

    @property
    def fingerprint(self) -> str:
        """What `Fingerprint` makes of it."""
        whole = Fingerprint()
        whole.update(join_lines(side).encode() for side in (self.source, self.target))
        return whole.hexdigest()


def join_lines(lines: Sequence[str]) -> str:
    """The lines as a file holds them, each ended by a line feed."""
    return "\n".join([*lines, ""])


class Fingerprint:
    """SHA-256 over both sides, line by line, however they are cut into blocks."""

    def __init__(self) -> None:
        self.sides = hashlib.sha256(), hashlib.sha256()

    def update(self, contents: Iterable[bytes]) -> None:
        """The next lines, the bytes of each side as `join_lines` makes it."""
        for side, content in zip(self.sides, contents, strict=True):
            side.update(content)

    def hexdigest(self) -> str:
        """Of all lines so far."""
        return hashlib.sha256(b"".join(side.digest() for side in self.sides)).hexdigest()
