"""The words that a model was trained on, so that a reader can be told which ones it never saw, or seldom."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from translator.errors import ModelError
from translator.text.reader import read_lines


def words(line: str) -> list[str]:
    """The words of a line: cut at whitespace, without punctuation around them, in folded case."""
    stripped = (strip_punctuation(word) for word in unicodedata.normalize("NFC", line).casefold().split())
    return [word for word in stripped if word]


def strip_punctuation(word: str) -> str:
    """The word without punctuation and symbols at its ends."""
    first, last = 0, len(word)
    while first < last and unicodedata.category(word[first])[0] in "PS":
        first += 1
    while last > first and unicodedata.category(word[last - 1])[0] in "PS":
        last -= 1
    return word[first:last]


def known_words(lines: Iterable[str]) -> frozenset[str]:
    """Every word of these lines."""
    return frozenset(word for line in lines for word in words(line))


def save_words(known: frozenset[str], path: Path) -> None:
    """One word a line, sorted."""
    path.write_bytes("".join(f"{word}\n" for word in sorted(known)).encode())


def load_words(path: Path) -> frozenset[str]:
    """What `save_words` wrote. Raises ModelError where there is none."""
    if not path.is_file():
        raise ModelError(str(path), "no such file", "restore the run folder")
    return frozenset(read_lines(path))


def count_words(tokens: Mapping[str, int]) -> Counter[str]:
    """How often each word occurs, from how often each token between spaces does."""
    counts: Counter[str] = Counter()
    for token, count in tokens.items():
        for word in words(token):
            counts[word] += count
    return counts


def save_counts(counts: Mapping[str, int], path: Path) -> None:
    """A word, a tab and its count a line, sorted by word."""
    path.write_bytes("".join(f"{word}\t{counts[word]}\n" for word in sorted(counts)).encode())


def load_counts(path: Path) -> dict[str, int] | None:
    """What `save_counts` wrote, or None where there is no such file. Raises ModelError where it is damaged."""
    if not path.is_file():
        return None
    try:
        return {word: int(count) for word, count in (line.split("\t") for line in read_lines(path))}
    except ValueError as error:
        raise ModelError(str(path), f"is damaged ({error})", "restore the run folder") from error
