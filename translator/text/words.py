"""The words of the training data, kept with a run to tell which words the model has never seen, or rarely."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from translator.errors import ModelError
from translator.text.reader import UNLIMITED, read_lines


def words(line: str) -> list[str]:
    """Return the words of a line: separated by whitespace, without surrounding punctuation, case-folded."""
    stripped = (_strip_punctuation(word) for word in unicodedata.normalize("NFC", line).casefold().split())
    return [word for word in stripped if word]


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


def load_words(path: Path) -> frozenset[str]:
    """Read the words that `save_words` wrote. Raises ModelError if there is no such file."""
    if not path.is_file():
        raise ModelError(str(path), "no such file", "restore the run folder")
    return frozenset(read_lines(path, UNLIMITED))


def count_words(line_counts: Mapping[str, int]) -> Counter[str]:
    """Count words, given how often each line occurs. A line may also be a string without spaces, as in `WordCounts`."""
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
    except ValueError as error:
        raise ModelError(str(path), f"is damaged ({error})", "restore the run folder") from error
