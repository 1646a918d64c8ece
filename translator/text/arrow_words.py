"""Tokens between spaces, of many lines at once: counted, and encoded.

A corpus of millions of lines has few different words, so Arrow numbers the words of a block, and only the numbers are worked
on: counting takes a third of the time of Python's Counter, and SentencePiece is asked for each word once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from threading import Lock
from typing import Any

import numpy as np
import pyarrow
import torch
from numpy.typing import NDArray
from pyarrow import compute

from translator.text.batches import EncodedLines
from translator.text.tokenizer import EOS

BLOCKS_TOGETHER = 8
MOST_PIECES = 2**22  # to be remembered; text without spaces has as many words as lines


def tokens_of(text: str) -> pyarrow.Array:
    """What stands between the spaces of a text; between two of them it is ""."""
    content = text.encode()
    whole = pyarrow.py_buffer(np.array([0, len(content)]))
    return compute.split_pattern(
        pyarrow.LargeStringArray.from_buffers(1, whole, pyarrow.py_buffer(content)), " "
    ).flatten()


class WordCounts:
    """How often each token occurs; some blocks wait, so that they are counted together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.waiting: list[pyarrow.Array] = []

    def add(self, lines: Iterable[str]) -> None:
        """Count the tokens of these lines too."""
        self.waiting.append(tokens_of(" ".join(lines)))
        if len(self.waiting) == BLOCKS_TOGETHER:
            self.total()

    def total(self) -> Counter[str]:
        """The counts of all lines so far."""
        if self.waiting:
            tokens, counts = pyarrow.chunked_array(self.waiting).value_counts().flatten()
            self.counts.update(dict(zip(tokens.to_pylist(), counts.to_pylist(), strict=True)))
            self.waiting.clear()
        return self.counts


class WordEncoder:
    """`tokenizer.encode` for a large corpus; it may be used by several threads at once."""

    def __init__(self, processor: Any) -> None:
        self.processor, self.lock = processor, Lock()
        self.forget()

    def forget(self) -> None:
        """Know no word but the line feed, which stands for the end of a line."""
        self.numbers = {"\n": 0}
        self.pieces = np.array([EOS], np.int32)
        self.offsets = np.array([0, 1])  # word n has pieces[offsets[n] : offsets[n + 1]]

    def encode(self, lines: Sequence[str]) -> NDArray[np.int32]:
        """Ids of all lines in one array, EOS after each."""
        tokens = tokens_of(" \n ".join([*lines, ""])).dictionary_encode()
        words = tokens.dictionary.to_pylist()
        with self.lock:
            if len(self.pieces) > MOST_PIECES:
                self.forget()
            numbers = np.fromiter(map(self.numbers.get, words, repeat(-1)), np.int64, len(words))
            if (unknown := np.flatnonzero(numbers < 0)).size:
                numbers[unknown] = self.learn([words[index] for index in unknown])
            pieces, offsets = self.pieces, self.offsets
        number = numbers[tokens.indices.to_numpy()]
        lengths = np.diff(offsets)[number]
        shift = offsets[number] - (np.cumsum(lengths) - lengths)  # from where a word's pieces go to where they are
        found: NDArray[np.int32] = pieces[np.arange(lengths.sum()) + np.repeat(shift, lengths)]
        return found

    def learn(self, words: list[str]) -> range:
        """Encode new words; returns their numbers. The arrays are made anew: another thread may be reading those of before."""
        numbers = range(len(self.numbers), len(self.numbers) + len(words))
        found = EncodedLines.of(self.processor.encode(words, num_threads=torch.get_num_threads()))
        self.numbers.update(zip(words, numbers, strict=True))
        self.pieces = np.concatenate([self.pieces, found.pieces.numpy()])
        self.offsets = np.concatenate([self.offsets, self.offsets[-1] + found.offsets[1:]])
        return numbers
