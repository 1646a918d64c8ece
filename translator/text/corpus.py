"""A parallel corpus in memory: line n of the source translates line n of the target.

`sources.py` reads a corpus, `filters.py` decides which training pairs are used.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

Split: TypeAlias = Literal["train", "validation", "test"]


class Lines(Sequence[str]):
    """Lines without line feeds, stored as one text in UTF-8 with a line feed after each.

    Most work on a large corpus needs only this text, so it is cut into strings when the first of them is used.
    """

    def __init__(self, content: bytes, bounds: NDArray[np.int64] | None = None) -> None:
        """Store a text. `bounds` may be given if they are already known."""
        self.content = content
        if bounds is not None:
            self.bounds = bounds

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Lines":
        """Convert a sequence of lines, or return it if it is already of this class."""
        return lines if isinstance(lines, Lines) else cls(join_lines(lines).encode())

    @cached_property
    def text(self) -> str:
        """All lines, with a line feed after each."""
        return self.content.decode()

    @cached_property
    def _strings(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """The start of each line in `content`, followed by the length of `content`."""
        ends = np.flatnonzero(np.frombuffer(self.content, np.uint8) == ord("\n"))
        return np.concatenate([[0], ends + 1])

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __iter__(self) -> Iterator[str]:
        return iter(self._strings)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._strings[index]

    def divided(self, num_lines: int) -> tuple["Lines", "Lines"]:
        """Return the first `num_lines` lines and the others."""
        first, second = self.bounds[: num_lines + 1], self.bounds[num_lines:]
        place = int(second[0])
        return Lines(self.content[:place], first), Lines(self.content[place:], second - place)

    def select(self, is_selected: NDArray[np.bool_]) -> "Lines":
        """Return the lines for which the mask is true."""
        if is_selected.all():
            return self
        # Where the mask changes: the first line of each run of selected lines, and the line after the last one.
        changes = np.flatnonzero(np.diff(is_selected, prepend=False, append=False))
        starts, ends = self.bounds[changes[::2]].tolist(), self.bounds[changes[1::2]].tolist()
        return Lines(b"".join([self.content[start:end] for start, end in zip(starts, ends, strict=True)]))


class Block(NamedTuple):
    """Some consecutive pairs, NFC-normalised."""

    source: Lines
    target: Lines

    @classmethod
    def of(cls, source: Sequence[str], target: Sequence[str]) -> "Block":
        """Return the pairs of these lines."""
        return cls(Lines.of(source), Lines.of(target))

    def select(self, is_selected: NDArray[np.bool_]) -> "Block":
        """Return the pairs for which the mask is true."""
        return Block(self.source.select(is_selected), self.target.select(is_selected))


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
        fingerprint.update(map(Lines.of, sides))
        return fingerprint.hexdigest()


def join_lines(lines: Sequence[str]) -> str:
    """Return the lines as one text with a line feed after each."""
    return "\n".join([*lines, ""])


class Fingerprint:
    """SHA-256 over the sides of a corpus. It does not depend on how the corpus is cut into blocks."""

    def __init__(self, num_sides: int = 2) -> None:
        self._digests = [hashlib.sha256() for _ in range(num_sides)]

    def update(self, sides: Iterable[Lines]) -> None:
        """Add the next lines of each side."""
        for digest, lines in zip(self._digests, sides, strict=True):
            digest.update(lines.content)

    def hexdigest(self) -> str:
        """Return the digest of all lines so far."""
        return hashlib.sha256(b"".join(digest.digest() for digest in self._digests)).hexdigest()
