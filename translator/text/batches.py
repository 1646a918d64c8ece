"""Padded batches of sentence pairs: sorted by length within shuffled pools, limited by tokens, and reproducible."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translator.text.corpus import Corpus
from translator.text.tokenizer import BOS, PAD, Tokenizer

LENGTH_MULTIPLE = 4
"""Lengths of batches with few shapes are rounded up to a multiple of this."""
ROW_COUNTS_PER_OCTAVE = 8
"""Number of distinct row counts between n and 2n, in batches with few shapes. At most an eighth of the rows is empty."""


class Batch(NamedTuple):
    """Padded sentence pairs.

    The dynamic form has `real_M`; the static form, which `static_batches.py` builds, has `counts_M` in its place.
    """

    source_BS: Tensor
    mask_BS: Tensor
    previous_BT: Tensor  # BOS, then the target without its last token
    target_BT: Tensor  # the target with EOS
    real_M: Tensor | None  # indices of the M real target tokens in the flattened B x T
    sentence_B: Tensor  # numbers of the sentences among the pairs
    counts_M: Tensor | None = None  # with M = B x T: True where a target token counts

    @property
    def num_tokens(self) -> int:
        """Number of real target tokens, EOS included. In the static form this waits for the device."""
        if self.real_M is not None:
            return len(self.real_M)
        return 0 if self.counts_M is None else int(self.counts_M.sum())

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        tensors = {name: to_device(tensor, device) for name, tensor in self._asdict().items() if tensor is not None}
        return self._replace(**tensors)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on a device. Copies to a GPU go through pinned memory, so that the caller does not wait for them."""
    if device.type == "cuda" and not tensor.is_cuda:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class EncodedLines(NamedTuple):
    """Many sentences as one array of token ids. Batches are built on the array's device from sentence numbers alone."""

    tokens: Tensor  # of any integer type
    offsets: NDArray[np.int64]  # sentence i is tokens[offsets[i] : offsets[i + 1]]

    @classmethod
    def of(cls, sentences: Sequence[Sequence[int]]) -> Self:
        """Pack lists of token ids."""
        offsets = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
        tokens = np.fromiter(chain.from_iterable(sentences), np.int32, int(offsets[-1]))
        return cls(torch.from_numpy(tokens), offsets)

    def followed_by(self, other: Self) -> Self:
        """Return the sentences of both, in memory."""
        offsets = np.concatenate((self.offsets, self.offsets[-1] + other.offsets[1:]))
        return type(self)(torch.cat((self.tokens.int(), other.tokens.int())), offsets)

    def to(self, device: torch.device) -> Self:
        """Move the tokens to a device, as four-byte integers, since not all operations there support two-byte types."""
        return self._replace(tokens=self.tokens.int().to(device))

    def lengths(self, sentences: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of tokens of each of these sentences."""
        return self.offsets[sentences + 1] - self.offsets[sentences]

    def padded(self, sentences: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return (ids_BS, mask_BS) of these sentences, padded to the length of the longest."""
        lengths = self.lengths(sentences)
        first_B, length_B = self.on_device(self.offsets[sentences]), self.on_device(lengths)
        return pad(self.tokens, first_B, length_B, int(lengths.max(initial=1)))

    def real(self, sentences: NDArray[np.int64]) -> Tensor:
        """Return real_M, the indices of the tokens in the flattened `padded` array.

        They are computed from the lengths: a search such as `nonzero` would make the caller wait for the GPU.
        """
        lengths = self.lengths(sentences)
        num_tokens, width = int(lengths.sum()), int(lengths.max(initial=1))
        # Token n of the sentences put end to end has index n plus the padding of all sentences before its own.
        padding_B = np.arange(len(lengths)) * width - (np.cumsum(lengths) - lengths)
        padding_M = self.on_device(padding_B).repeat_interleave(self.on_device(lengths), output_size=num_tokens)
        return torch.arange(num_tokens, device=self.tokens.device) + padding_M

    def on_device(self, numbers: NDArray[np.int64]) -> Tensor:
        """Return the numbers as a tensor on the device of the tokens."""
        return to_device(torch.from_numpy(numbers), self.tokens.device)


def pad(tokens: Tensor, first_B: Tensor, length_B: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return (ids_BS, mask_BS) of the sentences that start at `first_B` in `tokens`, padded to the length `width`."""
    place_S = torch.arange(width, device=tokens.device)
    mask_BS = place_S < length_B.unsqueeze(1)
    # Places after the end of a sentence read the tokens of the next one, or the last token, and are then masked.
    index_BS = (first_B.unsqueeze(1) + place_S).clamp_(max=max(len(tokens) - 1, 0))
    return tokens[index_BS].long().masked_fill_(~mask_BS, PAD), mask_BS


class EncodedPairs(NamedTuple):
    """A corpus as token ids. Every sentence ends in EOS."""

    source: EncodedLines
    target: EncodedLines

    @property
    def num_pairs(self) -> int:
        """Number of sentence pairs."""
        return len(self.target.offsets) - 1

    @property
    def num_tokens(self) -> int:
        """Number of tokens of both sides."""
        return len(self.source.tokens) + len(self.target.tokens)

    def in_both_directions(self) -> Self:
        """Return these pairs, followed by the same pairs with source and target exchanged."""
        source, target = self
        return type(self)(source.followed_by(target), target.followed_by(source))

    def to(self, device: torch.device) -> Self:
        """Move the tokens of both sides to a device."""
        return type(self)(*(side.to(device) for side in self))

    def batch(self, sentences: NDArray[np.int64]) -> Batch:
        """Return the padded batch of these sentences."""
        source, target = self
        (source_BS, mask_BS), (target_BT, _) = source.padded(sentences), target.padded(sentences)
        previous_BT = torch.full_like(target_BT, BOS)
        previous_BT[:, 1:] = target_BT[:, :-1]
        real_M, sentence_B = target.real(sentences), target.on_device(sentences)
        return Batch(source_BS, mask_BS, previous_BT, target_BT, real_M, sentence_B)

    def split(self, sentences: NDArray[np.int64], parts: int) -> list[NDArray[np.int64]]:
        """Split the sentences of one update into micro-batches with about the same number of tokens.

        The targets of an update have similar lengths already. Sorting by source length reduces the padding of the source.
        """
        source, target = (side.lengths(sentences) for side in self)
        order = np.lexsort((target, source))
        return even_parts(sentences[order], (source + target)[order], parts)


def even_parts(sentences: NDArray[np.int64], num_tokens: NDArray[np.int64], parts: int) -> list[NDArray[np.int64]]:
    """Cut sentences into `parts` parts with about the same number of tokens, or one per sentence if that is fewer."""
    parts, total = min(parts, len(sentences)), np.cumsum(num_tokens)
    # The part in which the last token of a sentence lies, if all tokens are cut into equal parts.
    part = (total - 1) * parts // total[-1]
    # Starts of parts 1, 2, ...: at least n sentences precede part n, and enough remain for the parts after it.
    later = np.arange(1, parts)
    extra = np.clip(np.searchsorted(part, later) - later, 0, len(sentences) - parts)
    return np.split(sentences, np.maximum.accumulate(extra) + later)


def encode_corpus(corpus: Corpus, tokenizer: Tokenizer) -> EncodedPairs:
    """Encode a corpus in memory."""
    return EncodedPairs(*map(EncodedLines.of, tokenizer.encode_pairs(corpus.source, corpus.target)))


class TokenBatches:
    """Batches of at most `batch_tokens` tokens, where each pair counts with its longer side.

    Each epoch contains every pair once, or as often as its weight says: with weight 1.5, once or twice by chance. Its order
    depends on (seed, epoch) alone, so that resuming needs only the epoch and the position in it. With `few_shapes`, batches
    have few distinct sizes after rounding (see `static_batches.py`); without, they contain less padding in the target.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        *,
        batch_tokens: int,
        pool_size: int,
        seed: int,
        few_shapes: bool = False,
        weight_P: NDArray[np.float32] | None = None,
    ) -> None:
        self.pairs, self.batch_tokens, self.pool_size, self.seed = pairs, batch_tokens, pool_size, seed
        self.few_shapes, self.weight_P = few_shapes, weight_P

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """Return the batches of an epoch as sentence numbers. A pair longer than `batch_tokens` is a batch of its own."""
        generator = np.random.default_rng((self.seed, number))
        order = generator.permutation(self._drawn(generator))
        batches = [
            batch
            for first in range(0, len(order), self.pool_size)
            for batch in self.cut(order[first : first + self.pool_size])
        ]
        return [batches[index] for index in generator.permutation(len(batches))]

    def _drawn(self, generator: np.random.Generator) -> int | NDArray[np.int64]:
        """Return the numbers of the pairs in an epoch, each as often as it occurs, or how many there are if each occurs once."""
        num_pairs = self.pairs.num_pairs
        if self.weight_P is None:
            return num_pairs
        weight_P = np.resize(self.weight_P, num_pairs)  # pairs in both directions have the same weights
        # The mean of floor(weight + u), with u uniform in [0, 1), is the weight.
        return np.repeat(np.arange(num_pairs), (weight_P + generator.random(num_pairs, np.float32)).astype(np.int64))

    def cut(self, sentences: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Sort a pool by length and cut it into batches. Sentences of equal length stay shuffled."""
        source, target = self.pairs.source.lengths(sentences), self.pairs.target.lengths(sentences)
        longer = np.maximum(source, target)
        order = np.lexsort((target, longer))[::-1] if self.few_shapes else np.lexsort((source, target))
        sentences, longer = sentences[order], longer[order]
        total, first = np.cumsum(longer), 0
        while first < len(sentences):
            if self.few_shapes:  # as many as fit if each is as long as the first, the longest, rounded up
                num_rows = rows_below(max(self.batch_tokens // rounded_length(int(longer[first])), 1))
            else:  # as many as have at most `batch_tokens` tokens together
                before = total[first] - longer[first]
                num_rows = max(int(np.searchsorted(total, before + self.batch_tokens, side="right")) - first, 1)
            yield sentences[first : first + num_rows]
            first += num_rows


def rounded_length(length: int) -> int:
    """Return the next multiple of LENGTH_MULTIPLE."""
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def rows_below(num_rows: int) -> int:
    """Return `num_rows` rounded down to a row count that is used."""
    return num_rows // _row_multiple(num_rows) * _row_multiple(num_rows)


def rows_above(num_rows: int) -> int:
    """Return `num_rows` rounded up to a row count that is used."""
    return -(-num_rows // _row_multiple(num_rows)) * _row_multiple(num_rows)


def _row_multiple(num_rows: int) -> int:
    """Return the power of two whose multiples are the row counts near `num_rows`."""
    # Of this power of two, n to 2n has ROW_COUNTS_PER_OCTAVE multiples.
    return 1 << max(num_rows.bit_length() - ROW_COUNTS_PER_OCTAVE.bit_length(), 0)


class SourceBatch(NamedTuple):
    """Padded sentences to be translated."""

    source_BS: Tensor
    mask_BS: Tensor
    sentence_B: Tensor


def source_batches(sources: Sequence[Sequence[int]], *, batch_size: int) -> Iterator[SourceBatch]:
    """Yield all sentences in batches, longest first, with their numbers, by which the results can be put back in order."""
    lines = EncodedLines.of(sources)
    order = np.argsort(-np.diff(lines.offsets), kind="stable")
    for first in range(0, len(order), batch_size):
        sentences = order[first : first + batch_size]
        yield SourceBatch(*lines.padded(sentences), torch.from_numpy(sentences))
