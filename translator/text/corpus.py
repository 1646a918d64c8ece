"""A parallel corpus in memory: line n of the source translates line n of the target.

`sources.py` reads a corpus, `filters.py` decides which training pairs are used.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Split: TypeAlias = Literal["train", "validation", "test"]


class Block(NamedTuple):
    """Some consecutive pairs, NFC-normalised. No line contains a line feed."""

    source: list[str]
    target: list[str]


def next_number(index: int) -> int:
    """Return the line number of a pair in a file with one pair per line; `index` counts from 0, lines from 1."""
    return index + 1


class Stream(NamedTuple):
    """A split as an iterator over blocks, which can be read once."""

    blocks: Iterator[Block]
    places: tuple[str, str]  # name of each side for `place:line` in messages
    line_of: Callable[[int], int] = next_number  # line of a pair that has been read
    notices: tuple[str, ...] = ()  # which columns hold the pairs, and what was left out
    revision: str | None = None  # commit of a hub data set, if known
    others: tuple[tuple[Path, Path], ...] = ()  # the source file with each file of further reference translations


class Corpus(NamedTuple):
    """A whole split, NFC-normalised."""

    source: list[str]
    target: list[str]
    places: tuple[str, str] = ("source", "target")
    line_of: Callable[[int], int] = next_number
    notices: tuple[str, ...] = ()
    others: tuple[list[str], ...] = ()  # further reference translations of the sources

    @property
    def fingerprint(self) -> str:
        """The `Fingerprint` of all sides, as a hexadecimal digest."""
        sides = (self.source, self.target, *self.others)
        fingerprint = Fingerprint(len(sides))
        fingerprint.update(join_lines(side).encode() for side in sides)
        return fingerprint.hexdigest()


def join_lines(lines: Sequence[str]) -> str:
    """Return the lines as one text with a line feed after each."""
    return "\n".join([*lines, ""])


class Fingerprint:
    """SHA-256 over the sides of a corpus. It does not depend on how the corpus is cut into blocks."""

    def __init__(self, num_sides: int = 2) -> None:
        self._sides = [hashlib.sha256() for _ in range(num_sides)]

    def update(self, contents: Iterable[bytes]) -> None:
        """Add the next lines: for each side, the encoded result of `join_lines`."""
        for side, content in zip(self._sides, contents, strict=True):
            side.update(content)

    def hexdigest(self) -> str:
        """Return the digest of all lines so far."""
        return hashlib.sha256(b"".join(side.digest() for side in self._sides)).hexdigest()
