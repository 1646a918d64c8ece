"""Encoded pairs on disk: written block by block, mapped into memory where they are read, so that neither needs them all.

source.pieces, target.pieces     ids, two bytes each where the vocabulary allows
source.lengths, target.lengths   pieces of each sentence, the end mark included, four bytes each
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import compress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from translator.text.arrow_words import WordEncoder
from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.corpus import Block, Fingerprint, join_lines
from translator.text.tokenizer import EOS, Tokenizer

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_THREADS = 4  # each holds some blocks, and Python itself runs in one at a time
SIDES = ("source", "target")
PARTS = tuple(f"{side}.{part}" for side in SIDES for part in ("pieces", "lengths"))


def write_pairs(blocks: Iterable[Block], tokenizer: Tokenizer, folder: Path) -> None:
    """Encode all pairs into a folder, a block a thread."""
    threads = min(torch.get_num_threads(), MOST_THREADS)
    encoders = [WordEncoder(processor) for processor in tokenizer.processors]

    def encode(block: Block) -> list[bytes]:
        parts: list[bytes] = []
        for lines, encoder in zip(block, encoders, strict=True):
            ids = encoder.encode(lines)
            lengths = np.diff(np.flatnonzero(ids == EOS), prepend=-1)
            parts += [ids.astype(piece_type(encoder.processor)).tobytes(), lengths.astype(np.int32).tobytes()]
        return parts

    with ExitStack() as held:
        files = [held.enter_context((folder / part).open("wb")) for part in PARTS]
        for parts in threaded_map(encode, (one for one in blocks if one.source), threads):
            for file, part in zip(files, parts, strict=True):
                file.write(part)


def read_pairs(folder: Path, tokenizer: Tokenizer) -> EncodedPairs:
    """What `write_pairs` wrote. Raises ValueError where it cannot be that."""
    return EncodedPairs(*(read_side(folder, *pair) for pair in zip(SIDES, tokenizer.processors, strict=True)))


def read_side(folder: Path, side: str, processor: Any) -> EncodedLines:
    """One side, its pieces left on disk."""
    offsets = np.concatenate([[0], np.cumsum(np.fromfile(folder / f"{side}.lengths", np.int32), dtype=np.int64)])
    pieces = np.memmap(folder / f"{side}.pieces", piece_type(processor), "c").view(np.ndarray)
    if len(pieces) != offsets[-1] or pieces.max() >= processor.get_piece_size() or (np.diff(offsets) < 1).any():
        raise ValueError(f"{side}.pieces are not those of this tokenizer")
    return EncodedLines(torch.from_numpy(pieces), offsets)


def piece_type(processor: Any) -> type[np.uint16] | type[np.int32]:
    """The smallest type that holds every id."""
    return np.uint16 if processor.get_piece_size() <= 2**16 else np.int32


def select_pairs(blocks: Iterable[Block], kept: NDArray[np.bool_], seen: Fingerprint) -> Iterator[Block]:
    """The pairs that the pair_filter let in, when the corpus is read again; `seen` is told of all that is read."""
    first = 0
    for block in blocks:
        seen.update(join_lines(side).encode() for side in block)
        last = first + len(block.source)
        chosen = kept[first:last]
        yield Block(*(list(compress(side, chosen)) for side in block))
        first = last


def threaded_map(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """`map` in order, by so many threads, while the items come and the results are used in the caller's."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        yield from (one.result() for one in waiting)
