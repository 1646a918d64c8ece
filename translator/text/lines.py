"""What can be counted of many lines at once: words, bytes, digits, and a hash of each, without a step of Python a line."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from translator.text.corpus import join_lines

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
UNUSUAL = INVISIBLE + "".join(chr(code) for code in range(0x80, 0x3001) if chr(code).isspace())
LF = 10
PAIR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a pair and its swapped sides differ


class Lines(NamedTuple):
    """Facts of some lines, an entry a line."""

    words: NDArray[np.int32]  # visible ones between spaces
    length: NDArray[np.int32]  # in bytes of UTF-8
    mark: NDArray[np.int32]  # the sum of its digits and its last byte: what a translation often keeps
    hash: NDArray[np.uint64]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Lines":
        """Count the lines."""
        return cls.of_text(text := join_lines(lines), text.encode())

    @classmethod
    def of_text(cls, text: str, content: bytes) -> "Lines":
        """The same, given what `join_lines` makes of the lines, and its bytes."""
        data = np.frombuffer(b"\n" + content, np.uint8)
        ends = np.flatnonzero(data == LF)
        is_space = (data - 9 < 5) | (data - 28 < 5)  # as str.split has it: bytes below 9 or 28 wrap around
        words = np.add.reduceat(is_space[:-1] > is_space[1:], ends[:-1], dtype=np.int32)
        if not text.isascii() and any(character in text for character in UNUSUAL):
            words = np.array([len(visible_words(line)) for line in text.split("\n")[:-1]], np.int32)
        length = (np.diff(ends) - 1).astype(np.int32)
        return cls(words, length, marks(data, ends), hashes(content))


def marks(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    """256 times the sum of each line's digits, each raised by one, and its last byte where that is punctuation."""
    places = np.flatnonzero(data - ord("0") < 10)  # bytes below "0" wrap around
    line = np.searchsorted(ends, places) - 1
    sums = np.bincount(line, data[places] - (ord("0") - 1), minlength=len(ends) - 1)
    last = data[ends[1:] - 1].astype(np.int32)
    is_sign = (last > ord(" ")) & (last < ord("A")) & ~((last >= ord("0")) & (last <= ord("9")))
    return np.minimum(sums, 2**20).astype(np.int32) * 256 + np.where(is_sign, last, 0)


def hash_lines(lines: Sequence[str]) -> NDArray[np.uint64]:
    """XXH3 of each line. Two different lines share one with a chance of 2^-64; whoever wants to may forge such lines."""
    return hashes(join_lines(lines).encode())


def hashes(content: bytes) -> NDArray[np.uint64]:
    """XXH3 of each line of bytes."""
    lines = content.split(b"\n")
    lines.pop()
    return np.fromiter(map(xxh3_64_intdigest, lines), np.uint64, len(lines))


def pair_hashes(source: NDArray[np.uint64], target: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One hash for two, in this order."""
    return source * PAIR + target


def distinct(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each hash once, sorted; for so many, sorting is faster than what np.unique does."""
    ordered = np.sort(hashes)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def visible_words(line: str) -> list[str]:
    """The words of a line, invisible characters not counted."""
    return INVISIBLES.sub("", line).split()


INVISIBLES = re.compile(f"[{INVISIBLE}]")


def find_known(found: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where in `found` there is a hash of `known`, which is sorted."""
    if not len(known):
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(known, found), len(known) - 1)
    return np.flatnonzero(known[place] == found)
