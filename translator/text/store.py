"""Encoded pairs on disk: written block by block, mapped into memory where they are read, so that neither needs them all.

source.pieces, target.pieces     ids, two bytes each where the vocabulary allows
source.lengths, target.lengths   pieces of each sentence, the end mark included, four bytes each
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain, compress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.corpus import Block, Fingerprint
from translator.text.tokenizer import EOS, Tokenizer

Item = TypeVar("Item")
SIDES = ("source", "target")
PARTS = tuple(f"{side}.{part}" for side in SIDES for part in ("pieces", "lengths"))


def write_pairs(blocks: Iterable[Block], tokenizer: Tokenizer, folder: Path) -> None:
    """Encode all pairs into a folder, the next block being read while this one is encoded."""
    with ExitStack() as held:
        files = [held.enter_context((folder / part).open("wb")) for part in PARTS]
        for block in ahead(one for one in blocks if one.source):
            sides = zip(block, tokenizer.processors, files[::2], files[1::2], strict=True)
            for lines, processor, pieces, lengths in sides:
                ids = encode_all(processor, lines)
                pieces.write(ids.astype(piece_type(processor)).tobytes())
                lengths.write(np.diff(np.flatnonzero(ids == EOS), prepend=-1).astype(np.int32).tobytes())


def encode_all(processor: Any, lines: list[str]) -> NDArray[np.int32]:
    """Ids of all lines in one array, EOS after each.

    The plain call makes an object of each line or piece, which takes as long as encoding them; what lies under it does not.
    """
    threads = torch.get_num_threads()
    try:
        buffers = processor._processor._EncodeAsBufferBatch(lines, threads, None, False, 0, 0.0, False, True, False)
        return np.frombuffer(b"".join(buffers), np.int32)
    except (AttributeError, TypeError):  # another version of SentencePiece
        return np.fromiter(chain.from_iterable(processor.encode(lines, add_eos=True, num_threads=threads)), np.int32)


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


def admitted(blocks: Iterable[Block], kept: NDArray[np.bool_], seen: Fingerprint) -> Iterator[Block]:
    """The pairs that the gate let in, when the corpus is read again; `seen` is told of all that is read."""
    first = 0
    for block in blocks:
        seen.update(block)
        last = first + len(block.source)
        chosen = kept[first:last]
        yield Block(*(list(compress(side, chosen)) for side in block))
        first = last


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, the next one made by a thread while the last one is used."""
    remaining = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, remaining, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, remaining, None)
            yield item
