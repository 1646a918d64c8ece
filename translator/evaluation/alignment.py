"""Which words translate which: from attention weights between tokens to links between words, and how good the links are.

Words are separated by spaces (U+0020), in scripts without spaces by tokens. A link (s, t) says that target word t translates
source word s, both counted from 0; EOS is not a word. In Pharaoh format the links of a sentence are written `0-0 1-2`, source
word first. Instead of words, the tokens themselves can be linked.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError
from translator.text.reader import read_lines
from translator.text.words import divides

_SPACE, _END = "▁", "</s>"
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_LINK = re.compile(r"(\d{1,9})([-:?p])(\d{1,9})")

Unit: TypeAlias = Literal["word", "token"]
Links: TypeAlias = frozenset[tuple[int, int]]
Weights: TypeAlias = NDArray[np.float64]


class Words(NamedTuple):
    """The words that the tokens of a sentence spell. EOS, if there is one, comes last in `words` as well."""

    words: list[str]
    tokens: list[str]
    word_of_token: list[int]

    @classmethod
    def of(cls, tokens: Sequence[str], unit: Unit = "word") -> Self:
        """Group tokens into words: a word starts at a space marker, but a marker without text belongs to the word before.

        In scripts without spaces, a word starts at each token. With the unit "token", this holds for all scripts.
        """
        if unit == "token":
            return cls(list(tokens), list(tokens), list(range(len(tokens))))
        spelled, word_of_token, num_starts = list[bytes](), list[int](), 0
        contents = [bytes.fromhex(byte[1]) if (byte := _BYTE.fullmatch(token)) else token.encode() for token in tokens]
        for index, token in enumerate(tokens):
            if token.strip(_SPACE):
                starts = index == 0 or token == _END or token.startswith(_SPACE)
                # Four tokens are enough: a character that is spelled in bytes has at most four.
                num_starts += starts or _divides(b"".join(spelled[-1:]), b"".join(contents[index : index + 4]))
            else:  # a lone marker starts the word of the next token, unless that has a marker of its own
                following = tokens[index + 1] if index + 1 < len(tokens) else _END
                num_starts += following != _END and not following.startswith(_SPACE)
            word_of_token.append(max(num_starts - 1, 0))
            if word_of_token[-1] == len(spelled):
                spelled.append(b"")
            spelled[-1] += contents[index]
        words = [word.decode(errors="replace").replace(_SPACE, "") for word in spelled]
        return cls(words, list(tokens), word_of_token)

    @property
    def num_words(self) -> int:
        """The number of words without EOS."""
        return len(self.words) - (self.tokens[-1:] == [_END])


def _divides(before: bytes, after: bytes) -> bool:
    """Return whether a word ends between the UTF-8 of a word and that of the next tokens, which may be parts of a character."""
    is_inside_character = after[0] & 0xC0 == 0x80  # bytes 10xxxxxx continue a character
    left, right = (content.decode(errors="ignore").replace(_SPACE, " ") for content in (before, after))
    return not is_inside_character and divides(left, right)


def word_weights(weight_TS: Weights, target: Words, source: Words) -> Weights:
    """Turn attention weights between tokens into weights between words; EOS keeps its row and its column.

    Weights are summed over the tokens of a source word and averaged over the tokens of a target word, so each row still
    sums to 1.
    """
    sum_TS = np.zeros((len(target.words), len(source.words)))
    # `np.add.at`, because several tokens may belong to the same word.
    np.add.at(sum_TS, np.ix_(target.word_of_token, source.word_of_token), weight_TS)
    return sum_TS / np.bincount(target.word_of_token)[:, None] if target.words else sum_TS


def strongest_links(weight_TS: Weights, target: Words, source: Words) -> Links:
    """Link each target word to the source word with the largest weight, EOS excluded (Luong et al. 2015, section 5.4)."""
    if not source.num_words:
        return frozenset()
    best_T = weight_TS[: target.num_words, : source.num_words].argmax(1)
    return frozenset((int(best), word) for word, best in enumerate(best_T))


def pharaoh(links: Links) -> str:
    """Return links in Pharaoh format, such as `0-0 1-2`, sorted by source word."""
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


class Gold(NamedTuple):
    """The links of a sentence as annotated by people."""

    sure: Links
    possible: Links  # includes the sure ones


def read_gold(path: Path, lengths: Sequence[tuple[int, int]]) -> list[Gold]:
    """Read links in Pharaoh format, one sentence per line: `1-2` is sure; `1:2`, `1?2` and `1p2` are possible.

    `lengths` are the numbers of words of each pair. Raises DataError for another number of lines and for words that do not
    exist.
    """
    lines = list(read_lines(path))
    if len(lines) != len(lengths):
        problem = f"{len(lines):,} lines, but there are {len(lengths):,} pairs"
        raise DataError(str(path), problem, "line n aligns pair n")
    return [_read_links(line, f"{path}:{number + 1}", lengths[number]) for number, line in enumerate(lines)]


def _read_links(line: str, place: str, lengths: tuple[int, int]) -> Gold:
    sure, possible = set(), set()
    for text in line.split():
        match = _LINK.fullmatch(text)
        if match is None:
            problem = f"found {text[:40]!r}, expected a link such as 0-0 (sure) or 0:0 (possible)"
            raise DataError(place, problem, "correct it")
        link = int(match[1]), int(match[3])
        for side, word, length in zip(("source", "target"), link, lengths, strict=True):
            if word >= length:
                raise DataError(place, f"{text!r} names {side} word {word} of {length}", "words are counted from 0")
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return Gold(frozenset(sure), frozenset(possible))


class AlignmentScore(NamedTuple):
    """How well links agree with gold links."""

    error_rate: float
    precision: float
    recall: float


def score_links(links: Sequence[Links], gold: Sequence[Gold]) -> AlignmentScore:
    """Return the alignment error rate (AER): the share of links that are wrong or missing (Och and Ney 2003, section 5).

        precision = |A & P| / |A|    recall = |A & S| / |S|    AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)

    over all sentences, with A the links, S the sure and P the possible gold links.
    """
    pairs = list(zip(links, gold, strict=True))
    num_links, num_sure = sum(map(len, links)), sum(len(sentence.sure) for sentence in gold)
    in_sure = sum(len(sentence_links & sentence.sure) for sentence_links, sentence in pairs)
    in_possible = sum(len(sentence_links & sentence.possible) for sentence_links, sentence in pairs)
    if not num_links + num_sure:
        raise DataError("alignments", "no links", "give gold alignments with at least one")
    error_rate = 1 - (in_sure + in_possible) / (num_links + num_sure)
    return AlignmentScore(error_rate, in_possible / max(num_links, 1), in_sure / max(num_sure, 1))
