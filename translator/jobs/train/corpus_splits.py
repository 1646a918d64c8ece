"""Read the corpus of a run: filter the training pairs, and read the other splits or hold them out."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from translator.ops.threads import threaded_map
from translator.text.corpus import Block, Corpus, Split, Stream
from translator.text.filters import FilterResult, PairFilter, require_pairs
from translator.text.held_out import CODES
from translator.text.sources import CorpusSettings, open_split, read_split


class CorpusSplits(NamedTuple):
    """The result of filtering the training pairs, and the other splits."""

    filtered: FilterResult
    train: Stream  # has been read
    held_out: dict[Split, Corpus]  # validation pairs and, if there are any, test pairs


def read_splits(
    settings: CorpusSettings, collect: Callable[[Block], None] = lambda _: None, *, reads_test: bool = True
) -> CorpusSplits:
    """Filter all training pairs without keeping them, `collect` their blocks, and read the other splits.

    If pairs are held out, the corpus is read twice, because the hashes of all pairs decide which ones.
    """
    stream = open_split(settings, "train")
    pair_filter, splits = PairFilter(settings, stream.places, stream.line_of), settings.held_out_splits
    for block in pair_filter.filter_all(stream.blocks):
        if not splits:
            collect(block)
    filtered = pair_filter.result(splits)
    require_pairs(filtered.counts)
    held_out = _hold_out(settings, filtered, collect) if splits else {}
    if "validation" not in splits:
        held_out["validation"] = read_split(settings, "validation")
    if reads_test and settings.has_test:
        held_out["test"] = read_split(settings, "test")
    return CorpusSplits(filtered, stream, held_out)


def _hold_out(
    settings: CorpusSettings, filtered: FilterResult, collect: Callable[[Block], None]
) -> dict[Split, Corpus]:
    """Read the training file again: collect the training pairs, and return the pairs of the other splits."""
    stream = open_split(settings, "train")
    found: dict[Split, tuple[list[str], list[str], list[int]]] = {
        split: ([], [], []) for split in settings.held_out_splits
    }

    def training_pairs() -> Iterator[Block]:
        first = 0
        for block in stream.blocks:
            here = slice(first, first + len(block.source))
            first = here.stop
            for split, (source, target, numbers) in found.items():
                is_found = filtered.split[here] == CODES[split]
                pairs = block.select(is_found)
                source.extend(pairs.source)
                target.extend(pairs.target)
                numbers.extend(map(stream.line_of, (here.start + np.flatnonzero(is_found)).tolist()))
            yield block.select(filtered.is_kept[here])

    for _ in threaded_map(collect, training_pairs(), 1):  # one block is collected while the next is read
        pass
    return {
        split: Corpus(source, target, stream.places, numbers.__getitem__)
        for split, (source, target, numbers) in found.items()
    }
