"""Which words answer which: from weights between pieces to links between words, and how good links are.

Words are what stands between spaces (U+0020). A link (s, t) says that target word t answers source word s, both counted
from 0; the end mark is no word. In Pharaoh form a sentence's links are written `0-0 1-2`, the source word first.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError
from translator.text.reader import read_lines

SPACE, END = "▁", "</s>"
BYTE = re.compile("<0x([0-9A-F]{2})>")
LINK = re.compile(r"(\d{1,9})([-:?p])(\d{1,9})")

Links: TypeAlias = frozenset[tuple[int, int]]
Weights: TypeAlias = NDArray[np.float64]


class Words(NamedTuple):
    """The words that a sentence's pieces spell; the end mark, where there is one, stands last."""

    words: list[str]
    pieces: list[str]
    word_of_piece: list[int]

    @classmethod
    def of(cls, pieces: Sequence[str]) -> Self:
        """A word begins at a piece with the mark of a space; one that is nothing else belongs to the word before it."""
        begins = [begins_word(pieces, index) for index in range(len(pieces))]
        word_of_piece = np.maximum(np.cumsum(begins, dtype=int) - 1, 0).tolist()
        spelt: list[list[str]] = [[] for _ in range(max(word_of_piece, default=-1) + 1)]
        for piece, word in zip(pieces, word_of_piece, strict=True):
            spelt[word].append(piece)
        return cls([spell(word) for word in spelt], list(pieces), word_of_piece)

    @property
    def num_words(self) -> int:
        """How many words, the end mark not counted."""
        return len(self.words) - (self.pieces[-1:] == [END])


def begins_word(pieces: Sequence[str], index: int) -> bool:
    """Whether a new word begins at this piece; the end mark counts as one."""
    piece, after = pieces[index], pieces[index + 1] if index + 1 < len(pieces) else END
    if piece.strip(SPACE):
        return index == 0 or piece == END or piece.startswith(SPACE)
    return after != END and not after.startswith(SPACE)


def spell(pieces: Sequence[str]) -> str:
    """The text of some pieces, bytes put together, without spaces."""
    spelt = (bytes.fromhex(found[1]) if (found := BYTE.fullmatch(piece)) else piece.encode() for piece in pieces)
    return b"".join(spelt).decode(errors="replace").replace(SPACE, "")


def join(weight_TS: Weights, target: Words, source: Words) -> Weights:
    """Weights between words: the sum over a source word's pieces, the average over a target word's pieces.

    A word is looked at as often as its parts together, and each of a target word's pieces is one look. So a row that
    sums to 1 over pieces sums to 1 over words. The end mark keeps its row and its column.
    """
    joined_TS = np.zeros((len(target.words), len(source.words)))
    np.add.at(joined_TS, np.ix_(target.word_of_piece, source.word_of_piece), weight_TS)
    return joined_TS / np.bincount(target.word_of_piece)[:, None] if target.words else joined_TS


def links(weight_TS: Weights, target: Words, source: Words) -> Links:
    """Each target word with the source word of its largest weight (Luong et al. 2015, section 5.4).

    The end mark is left out on both sides; what is left of a row need not be made to sum to 1 to find its largest.
    """
    if not source.num_words:
        return frozenset()
    best_T = weight_TS[: target.num_words, : source.num_words].argmax(1)
    return frozenset((int(best), word) for word, best in enumerate(best_T))


def pharaoh(found: Links) -> str:
    """`0-0 1-2`, in the order of the source."""
    return " ".join(f"{source}-{target}" for source, target in sorted(found))


class Gold(NamedTuple):
    """A sentence's links as people drew them."""

    sure: Links
    possible: Links  # the sure ones included


def read_gold(path: Path, lengths: Sequence[tuple[int, int]]) -> list[Gold]:
    """Links in Pharaoh form, a line a sentence: `1-2` is sure; `1:2`, `1?2` and `1p2` are possible.

    `lengths` are the words of each pair. Raises DataError for another count of lines and for words that are not there.
    """
    lines = list(read_lines(path))
    if len(lines) != len(lengths):
        raise DataError(
            str(path), f"{len(lines):,} lines, but there are {len(lengths):,} pairs", "line n aligns pair n"
        )
    return [read_links(line, f"{path}:{number + 1}", lengths[number]) for number, line in enumerate(lines)]


def read_links(line: str, place: str, lengths: tuple[int, int]) -> Gold:
    """The links of one line."""
    sure, possible = set(), set()
    for text in line.split():
        found = LINK.fullmatch(text)
        if found is None:
            raise DataError(
                place, f"found {text[:40]!r}, expected a link such as 0-0 (sure) or 0:0 (possible)", "mend it"
            )
        link = int(found[1]), int(found[3])
        for side, word, length in zip(("source", "target"), link, lengths, strict=True):
            if word >= length:
                raise DataError(place, f"{text!r} names {side} word {word} of {length}", "words are counted from 0")
        possible.add(link)
        if found[2] == "-":
            sure.add(link)
    return Gold(frozenset(sure), frozenset(possible))


class AlignmentScore(NamedTuple):
    """How well links agree with gold ones."""

    error_rate: float
    precision: float
    recall: float


def score_links(found: Sequence[Links], gold: Sequence[Gold]) -> AlignmentScore:
    """Alignment error rate over all sentences (Och and Ney 2003, section 5): A links found, S sure, P possible.

    precision = |A & P| / |A|    recall = |A & S| / |S|    error rate = 1 - (|A & S| + |A & P|) / (|A| + |S|)
    """
    pairs = list(zip(found, gold, strict=True))
    num_found, num_sure = sum(map(len, found)), sum(len(one.sure) for one in gold)
    in_sure = sum(len(links & one.sure) for links, one in pairs)
    in_possible = sum(len(links & one.possible) for links, one in pairs)
    if not num_found + num_sure:
        raise DataError("alignments", "no links", "give gold alignments with at least one")
    error_rate = 1 - (in_sure + in_possible) / (num_found + num_sure)
    return AlignmentScore(error_rate, in_possible / max(num_found, 1), in_sure / max(num_sure, 1))
