"""Sentence pairs as padded batches: sorted by length within shuffled pools, cut by tokens, always reproducible."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translator.text import shapes
from translator.text.corpus import Corpus
from translator.text.tokenizer import BOS, PAD, Tokenizer


class Batch(NamedTuple):
    """Sentence pairs side by side, padded; masks are True at real tokens."""

    source_BS: Tensor
    mask_BS: Tensor
    previous_BT: Tensor  # the begin mark, then the target without its last piece
    target_BT: Tensor  # the target with its end mark
    real_M: Tensor | None  # where in the flattened B x T the real target tokens are; None in the static form
    sentence_B: Tensor  # which sentences of the corpus these are
    counts_M: Tensor | None = None  # in the static form, with M = B x T: True where a target token counts

    @property
    def num_tokens(self) -> int:
        """Number of real target tokens, end marks included; waits for the device in the static form."""
        if self.real_M is not None:
            return len(self.real_M)
        return 0 if self.counts_M is None else int(self.counts_M.sum())

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        tensors = {name: moved(tensor, device) for name, tensor in self._asdict().items() if tensor is not None}
        return self._replace(**tensors)


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; to a GPU it goes from pinned memory, so that nobody waits for the copy."""
    if device.type == "cuda" and not tensor.is_cuda:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class EncodedLines(NamedTuple):
    """Many sentences as one array of pieces; where it is, batches are made, and only numbers of sentences go there."""

    pieces: Tensor  # of any integer type, on any device
    offsets: NDArray[np.int64]  # sentence i is pieces[offsets[i] : offsets[i + 1]]

    @classmethod
    def of(cls, sentences: Sequence[Sequence[int]]) -> Self:
        """Pack lists of ids."""
        offsets = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
        pieces = np.fromiter(chain.from_iterable(sentences), np.int32, int(offsets[-1]))
        return cls(torch.from_numpy(pieces), offsets)

    def to(self, device: torch.device) -> Self:
        """With the pieces on a device, four bytes each: two-byte types are not for every operation there."""
        return self._replace(pieces=self.pieces.int().to(device))

    def lengths(self, sentences: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pieces of each of these sentences."""
        return self.offsets[sentences + 1] - self.offsets[sentences]

    def padded(self, sentences: NDArray[np.int64]) -> Tensor:
        """ids_BS of these sentences, PAD where they are shorter than the longest."""
        lengths = self.lengths(sentences)
        first_B, length_B = self.beside(self.offsets[sentences]), self.beside(lengths)
        place_S = torch.arange(int(lengths.max(initial=1)), device=self.pieces.device)
        index_BS = (first_B.unsqueeze(1) + place_S).clamp_(max=max(len(self.pieces) - 1, 0))
        return self.pieces[index_BS].long().masked_fill_(place_S >= length_B.unsqueeze(1), PAD)

    def real(self, sentences: NDArray[np.int64]) -> Tensor:
        """real_M: where in the flattened `padded` pieces are. A search for them would make a GPU's caller wait."""
        lengths = self.lengths(sentences)
        num_pieces, width = int(lengths.sum()), int(lengths.max(initial=1))
        padding_B = np.arange(len(lengths)) * width - (np.cumsum(lengths) - lengths)  # before each sentence
        padding_M = self.beside(padding_B).repeat_interleave(self.beside(lengths), output_size=num_pieces)
        return torch.arange(num_pieces, device=self.pieces.device) + padding_M

    def beside(self, numbers: NDArray[np.int64]) -> Tensor:
        """The numbers where the pieces are."""
        return moved(torch.from_numpy(numbers), self.pieces.device)


class EncodedPairs(NamedTuple):
    """A corpus as pieces, both sides ending in EOS."""

    source: EncodedLines
    target: EncodedLines

    @property
    def num_pairs(self) -> int:
        """How many pairs."""
        return len(self.target.offsets) - 1

    @property
    def num_pieces(self) -> int:
        """How many pieces, both sides."""
        return len(self.source.pieces) + len(self.target.pieces)

    def to(self, device: torch.device) -> Self:
        """Both sides' pieces on a device."""
        return type(self)(*(side.to(device) for side in self))


def encode_corpus(corpus: Corpus, tokenizer: Tokenizer) -> EncodedPairs:
    """The pieces of a corpus."""
    source = EncodedLines.of(tokenizer.encode_source(corpus.source))
    return EncodedPairs(source, EncodedLines.of(tokenizer.encode_target(corpus.target)))


class TokenBatches:
    """Batches of at most `batch_tokens` tokens, each pair counted by its longer side.

    Each epoch holds every pair once, in an order of its own, which is a function of (seed, epoch) alone, so resuming needs
    only the epoch and the position in it. With `few_shapes` batches differ in few sizes once these are rounded up
    (see `shapes.py`); without, less of a batch is padding of the target.
    """

    def __init__(
        self, pairs: EncodedPairs, *, batch_tokens: int, pool_size: int, seed: int, few_shapes: bool = False
    ) -> None:
        self.pairs, self.batch_tokens, self.pool_size, self.seed = pairs, batch_tokens, pool_size, seed
        self.few_shapes = few_shapes

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """The batches of an epoch as sentence numbers. A pair longer than `batch_tokens` is a batch by itself."""
        generator = np.random.default_rng((self.seed, number))
        order = generator.permutation(self.pairs.num_pairs)
        batches = [
            batch
            for first in range(0, len(order), self.pool_size)
            for batch in self.cut(order[first : first + self.pool_size])
        ]
        return [batches[index] for index in generator.permutation(len(batches))]

    def cut(self, sentences: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Sort a pool by length and cut it into batches; sentences of equal lengths stay shuffled."""
        source, target = self.pairs.source.lengths(sentences), self.pairs.target.lengths(sentences)
        longer = np.maximum(source, target)
        if self.few_shapes:
            order = np.lexsort((target, longer))[::-1]
            return self._cut_to_shapes(sentences[order], longer[order])
        order = np.lexsort((source, target))
        return self._cut_by_tokens(sentences[order], longer[order])

    def _cut_by_tokens(self, sentences: NDArray[np.int64], longer: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Consecutive sentences whose longer sides have `batch_tokens` tokens at most."""
        total, first = np.cumsum(longer), 0
        while first < len(sentences):
            before = total[first - 1] if first else 0
            last = max(int(np.searchsorted(total, before + self.batch_tokens, side="right")), first + 1)
            yield sentences[first:last]
            first = last

    def _cut_to_shapes(self, sentences: NDArray[np.int64], longer: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """From the longest sentence down, as many as fit if each is as long as the first, rounded up."""
        first = 0
        while first < len(sentences):
            num_rows = shapes.rows_below(max(self.batch_tokens // shapes.rounded_length(int(longer[first])), 1))
            yield sentences[first : first + num_rows]
            first += num_rows

    def batch(self, sentences: NDArray[np.int64]) -> Batch:
        """These sentences, padded."""
        source, target = self.pairs
        source_BS, target_BT = source.padded(sentences), target.padded(sentences)
        previous_BT = torch.full_like(target_BT, BOS)
        previous_BT[:, 1:] = target_BT[:, :-1]
        real_M, sentence_B = target.real(sentences), target.beside(sentences)
        return Batch(source_BS, source_BS != PAD, previous_BT, target_BT, real_M, sentence_B)

    def split(self, sentences: NDArray[np.int64], parts: int) -> list[NDArray[np.int64]]:
        """The sentences of one update in at most `parts` micro-batches of about equal tokens, both sides counted.

        Their targets are about as long as each other already, so sources of one length come together: less is padding.
        """
        source, target = (side.lengths(sentences) for side in self.pairs)
        order = np.lexsort((target, source))
        total = np.cumsum((source + target)[order])
        part = np.minimum((total - 1) * parts // total[-1], parts - 1)
        return [sentences[order[part == index]] for index in range(parts) if (part == index).any()]


class SourceBatch(NamedTuple):
    """Sentences to be translated, padded."""

    source_BS: Tensor
    mask_BS: Tensor
    sentence_B: Tensor


def source_batches(sources: Sequence[Sequence[int]], *, batch_size: int) -> Iterator[SourceBatch]:
    """All sentences in batches, longest first, each with its numbers so that they can be put back in order."""
    lines = EncodedLines.of(sources)
    order = np.argsort(-np.diff(lines.offsets), kind="stable")
    for first in range(0, len(order), batch_size):
        sentences = order[first : first + batch_size]
        source_BS = lines.padded(sentences)
        yield SourceBatch(source_BS, source_BS != PAD, torch.from_numpy(sentences))
