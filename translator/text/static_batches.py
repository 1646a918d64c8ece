"""Batches with few shapes, built on the device from sentence numbers alone, so that an update can be captured and replayed.

The static form of a batch has its three sizes rounded up. What is added does not count: extra positions are padding, and
empty rows repeat the first sentence with `counts_M` false. Loss, token count and gradients equal those of the dynamic form
that `batches.TokenBatches` builds.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translator.text.batches import Batch, EncodedPairs, to_device
from translator.text.shapes import Shape, rounded_length, rows_above
from translator.text.tokenizer import BOS, PAD

NO_SENTENCE = -1
"""Marks an empty row in a list of sentence numbers."""


class _Side(NamedTuple):
    """The tokens of one language on the device, with where each sentence starts."""

    tokens: Tensor
    offset_P: Tensor  # sentence i is tokens[offset_P[i] : offset_P[i + 1]]

    def padded(self, sentence_B: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Return (ids_BS, mask_BS) of these sentences, with PAD and False where they are shorter than `length`."""
        first_B1 = self.offset_P[sentence_B].unsqueeze(1)
        length_B1 = self.offset_P[sentence_B + 1].unsqueeze(1) - first_B1
        place_S = torch.arange(length, device=self.tokens.device)
        mask_BS = place_S < length_B1
        # Places past a sentence's end point into the next sentence or past the last one; they are masked below.
        index_BS = (first_B1 + place_S).clamp_(max=len(self.tokens) - 1)
        return self.tokens[index_BS].long().masked_fill_(~mask_BS, PAD), mask_BS


class StaticRows(NamedTuple):
    """A static batch that has not been built yet."""

    number_B: Tensor  # the sentence number of each row, NO_SENTENCE in empty ones; on the device
    shape: Shape


class StaticBatches:
    """Static batches of a corpus whose tokens are on the device already."""

    def __init__(
        self, pairs: EncodedPairs, *, max_source_length: int | None = None, max_target_length: int | None = None
    ) -> None:
        """Lengths are never rounded above `max_source_length` and `max_target_length`, the most that the model can read."""
        self.pairs = pairs
        self._limits = max_source_length, max_target_length
        self._source, self._target = (
            _Side(side.tokens, to_device(torch.from_numpy(side.offsets), side.tokens.device)) for side in pairs
        )

    def shape(self, sentences: NDArray[np.int64]) -> Shape:
        """Return the shape of the batch that holds these sentences."""
        source_length, target_length = (
            min(rounded_length(longest := int(side.lengths(sentences).max())), max(limit or sys.maxsize, longest))
            for side, limit in zip(self.pairs, self._limits, strict=True)
        )
        return Shape(rows_above(len(sentences)), source_length, target_length)

    def rows(self, batches: Sequence[NDArray[np.int64]]) -> list[StaticRows]:
        """Return the rows of each batch on the device, where they arrive in one copy."""
        shapes = [self.shape(sentences) for sentences in batches]
        numbers = [
            np.pad(sentences, (0, shape.num_rows - len(sentences)), constant_values=NO_SENTENCE)
            for sentences, shape in zip(batches, shapes, strict=True)
        ]
        all_rows = to_device(torch.from_numpy(np.concatenate(numbers)), self._source.tokens.device)
        parts = torch.split(all_rows, [shape.num_rows for shape in shapes])
        return [StaticRows(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def batch(self, rows: StaticRows) -> Batch:
        """Build the batch of these rows, without waiting for the device, so that this too can be captured."""
        number_B, shape = rows
        is_filled_B = number_B != NO_SENTENCE
        sentence_B = torch.where(is_filled_B, number_B, number_B[0])
        source_BS, mask_BS = self._source.padded(sentence_B, shape.source_length)
        target_BT, real_BT = self._target.padded(sentence_B, shape.target_length)
        previous_BT = torch.full_like(target_BT, BOS)
        previous_BT[:, 1:] = target_BT[:, :-1]
        counts_BT = real_BT & is_filled_B.unsqueeze(1)
        return Batch(source_BS, mask_BS, previous_BT, target_BT, None, sentence_B, counts_BT.flatten())
