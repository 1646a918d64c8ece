"""Encoded pairs on disk: written block by block and memory-mapped for reading, so that a corpus may exceed the memory.

source.tokens, target.tokens     token ids, two bytes each if the vocabulary is small enough, else four
source.lengths, target.lengths   number of tokens of each sentence, EOS included, four bytes each
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from translator.ops.threads import threaded_map
from translator.text.arrow_words import WordEncoder
from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.corpus import Block, Fingerprint
from translator.text.tokenizer import EOS, Tokenizer

_SIDES = ("source", "target")
PARTS = tuple(f"{side}.{part}" for side in _SIDES for part in ("tokens", "lengths"))
_MAX_THREADS = 4  # each thread holds some blocks, and only one at a time runs Python code


def write_pairs(blocks: Iterable[Block], tokenizer: Tokenizer, folder: Path) -> None:
    """Encode all pairs into the files PARTS of a folder, one block per thread."""
    num_threads = min(torch.get_num_threads(), _MAX_THREADS)
    encoders = [WordEncoder(processor) for processor in tokenizer.processors]

    def encode(block: Block) -> list[bytes]:
        parts: list[bytes] = []
        for lines, encoder in zip(tokenizer.mask_pairs(*block), encoders, strict=True):
            ids = encoder.encode(lines)
            lengths = np.diff(np.flatnonzero(ids == EOS), prepend=-1)  # distances between the ends of sentences
            parts += [ids.astype(_token_type(encoder.processor)).tobytes(), lengths.astype(np.int32).tobytes()]
        return parts

    with ExitStack() as stack:
        files = [stack.enter_context((folder / part).open("wb")) for part in PARTS]
        for parts in threaded_map(encode, (block for block in blocks if block.source), num_threads):
            for file, part in zip(files, parts, strict=True):
                file.write(part)


def append_pairs(folder: Path, other: Path) -> int:
    """Append the pairs of another folder, encoded with the same tokenizer, and return their number."""
    for part in PARTS:
        with (folder / part).open("ab") as file, (other / part).open("rb") as more:
            shutil.copyfileobj(more, file)
    return (other / PARTS[1]).stat().st_size // np.dtype(np.int32).itemsize


def read_pairs(folder: Path, tokenizer: Tokenizer) -> EncodedPairs:
    """Open the pairs that `write_pairs` wrote. Raises ValueError if they do not fit the tokenizer."""
    sides = []
    for side, processor in zip(_SIDES, tokenizer.processors, strict=True):
        offsets = np.concatenate([[0], np.cumsum(np.fromfile(folder / f"{side}.lengths", np.int32), dtype=np.int64)])
        # "c": copy on write, since torch warns about arrays that cannot be written.
        tokens = np.memmap(folder / f"{side}.tokens", _token_type(processor), "c").view(np.ndarray)
        if len(tokens) != offsets[-1] or tokens.max() >= processor.get_piece_size() or (np.diff(offsets) < 1).any():
            raise ValueError(f"{side}.tokens was not written with this tokenizer")
        sides.append(EncodedLines(torch.from_numpy(tokens), offsets))
    return EncodedPairs(*sides)


def _token_type(processor: Any) -> type[np.uint16] | type[np.int32]:
    """Return the smallest type that holds every token id."""
    return np.uint16 if processor.get_piece_size() <= 2**16 else np.int32


def select_pairs(blocks: Iterable[Block], is_kept: NDArray[np.bool_], fingerprint: Fingerprint) -> Iterator[Block]:
    """Yield the pairs that a `PairFilter` kept when the corpus is read again, and update the fingerprint with all pairs."""
    first = 0
    for block in blocks:
        fingerprint.update(block)
        last = first + len(block.source)
        yield block.select(is_kept[first:last])
        first = last
