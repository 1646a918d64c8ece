"""What a word is, for every language; and the words of the training data, kept with a run.

`spaced` is the only place that knows. Most scripts separate words by spaces, Korean too. In scripts that do not, every letter
with its marks counts as a word: Chinese characters, kana, Thai, Lao, Khmer, Burmese. Tibetan separates syllables by tshegs, and
older Ethiopic texts separate words by colons. The script decides, so the language need not be known.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError, ModelError
from translator.text.corpus import Lines
from translator.text.nfc import nfc
from translator.text.reader import UNLIMITED, read_lines

_LETTER, _MARK, _DELIMITER, _SPACE, _INVISIBLE = 1, 2, 3, 4, 5
"""Kinds of characters: a word by itself; part of the character before; last of a word; a space; to be ignored. Others are 0."""
_UNSPACED_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai and Lao
    (0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F),  # Burmese
    (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xAA80, 0xAADF),  # Khmer and the Tai scripts
    (0x3005, 0x3029), (0x3031, 0x31BF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F),  # kana, bopomofo, iteration marks
)  # fmt: skip
_CHINESE_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_HANGUL = (0x3131, 0x318E)
_MARKS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))  # variation selectors
_DELIMITERS = (0x0F0B, 0x0F0C, 0x1361)
_FIRST_UNUSUAL = 0x0E00  # Latin, Greek, Cyrillic, Hebrew, Arabic and Indic text is recognised quickly
_LATIN_SPACES = "\x85\xa0"
_INVISIBLES = (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return the kind of each character of Unicode."""
    kinds = np.zeros(0x110000, np.uint8)
    for first, last in _UNSPACED_BLOCKS:
        for code in range(first, last + 1):
            category = unicodedata.category(chr(code))
            kinds[code] = _MARK if category[0] == "M" else _LETTER if category[0] == "L" or category == "Nl" else 0
    for first, last in _CHINESE_BLOCKS:
        kinds[first : last + 1] = _LETTER
    kinds[_HANGUL[0] : _HANGUL[1] + 1] = 0
    kinds[list(_MARKS)], kinds[list(_DELIMITERS)], kinds[list(_INVISIBLES)] = _MARK, _DELIMITER, _INVISIBLE
    kinds[[code for code in range(0x80, 0x3001) if chr(code).isspace()]] = _SPACE
    return kinds


def spaced(text: str) -> str:
    """Return the text with spaces between all words, so that `str.split` gives the words, and without invisible characters.

    Fast enough for a whole corpus.
    """
    if text.isascii():
        return text
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    is_usual = not _kinds()[codes[codes >= _FIRST_UNUSUAL]].any()
    if is_usual and not any(space in text for space in _LATIN_SPACES):
        return text
    kinds = _kinds()[codes]
    is_visible = kinds != _INVISIBLE
    codes, kinds = codes[is_visible], kinds[is_visible]
    codes = np.where(kinds == _SPACE, np.uint32(ord(" ")), codes)
    kinds[kinds == _SPACE] = 0
    is_mark, base = kinds == _MARK, kinds
    if is_mark.any():  # the kind of the character that each mark belongs to
        base = kinds[np.maximum.accumulate(np.where(is_mark, 0, np.arange(len(kinds))))]
    # A word starts at each letter, and after the marks of one or a delimiter.
    starts = (kinds[1:] == _LETTER) | ~is_mark[1:] & ((base[:-1] == _LETTER) | (base[:-1] == _DELIMITER))
    return np.insert(codes, np.flatnonzero(starts) + 1, ord(" ")).tobytes().decode("utf-32-le", "surrogatepass")


def spaced_lines(lines: Lines) -> Lines:
    """Return the lines with spaces between all words, as `spaced` does."""
    text = spaced(lines.text)
    return lines if text is lines.text else Lines(text.encode())


def split_words(line: str) -> list[str]:
    """Return the words of a line as they are written, with the punctuation beside them."""
    return spaced(line).split()


def divides(left: str, right: str) -> bool:
    """Return whether one word ends and another begins between two pieces of text without a space between them."""
    # The two characters beside the border decide.
    return len(split_words(left[-1:] + right[:1])) == 2


def cut_words(line: str) -> list[str]:
    """Return the words of a line with the spaces after them, so that joined they are the line."""
    starts, place = list[int](), 0
    for word in split_words(line):
        starts.append(line.index(word[0], place))
        for character in word:  # invisible characters of the line are not in the word
            place = line.index(character, place) + 1
    bounds = [0, *starts[1:], len(line)]
    return [line[first:last] for first, last in pairwise(bounds)]


def is_right_to_left(texts: Iterable[str]) -> bool:
    """Return whether most letters of these texts are written from right to left, as Arabic and Hebrew are."""
    counts = Counter(unicodedata.bidirectional(character) for text in texts for character in text)
    return counts["R"] + counts["AL"] > counts["L"]


def is_unspaced(lines: Iterable[str]) -> bool:
    """Return whether most words of these lines are not separated by spaces."""
    text = " ".join(lines)
    return len(split_words(text)) > 2 * len(text.split())


def words(line: str) -> list[str]:
    """Return the words of a line in the form in which they are compared: without surrounding punctuation, case-folded."""
    folded = spaced(nfc(line).casefold())
    return [word for word in map(_strip_punctuation, folded.split()) if word]


def _strip_punctuation(word: str) -> str:
    """Remove punctuation and symbols (Unicode categories P and S) from both ends."""
    first, last = 0, len(word)
    while first < last and unicodedata.category(word[first])[0] in "PS":
        first += 1
    while last > first and unicodedata.category(word[last - 1])[0] in "PS":
        last -= 1
    return word[first:last]


def save_words(known: Iterable[str], path: Path) -> None:
    """Write one word per line, sorted."""
    path.write_bytes("".join(f"{word}\n" for word in sorted(known)).encode())


def load_words(path: Path) -> frozenset[str] | None:
    """Read the words that `save_words` wrote, or return None if there is no such file. Raises ModelError if damaged."""
    try:
        return frozenset(read_lines(path, UNLIMITED)) if path.is_file() else None
    except DataError as error:
        raise ModelError(error.place, error.problem, "restore the run folder") from error


def count_words(line_counts: Mapping[str, int]) -> Counter[str]:
    """Count words in the form of `words`, given how often each line, or each word of `WordCounts`, occurs."""
    counts: Counter[str] = Counter()
    for line, count in line_counts.items():
        for word in words(line):
            counts[word] += count
    return counts


def save_counts(counts: Mapping[str, int], path: Path) -> None:
    """Write a word, a tab and its count per line, sorted by word."""
    path.write_bytes("".join(f"{word}\t{counts[word]}\n" for word in sorted(counts)).encode())


def load_counts(path: Path) -> dict[str, int] | None:
    """Read the counts that `save_counts` wrote, or return None if there is no such file. Raises ModelError if damaged."""
    if not path.is_file():
        return None
    try:
        return {word: int(count) for word, count in (line.split("\t") for line in read_lines(path, UNLIMITED))}
    except (ValueError, DataError) as error:
        raise ModelError(str(path), f"is damaged ({error})", "restore the run folder") from error
