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

from translator.text.batches import Batch, EncodedPairs, pad, rounded_length, rows_above
from translator.text.tokenizer import BOS

NO_SENTENCE = -1
"""Marks an empty row in a list of sentence numbers."""


class Shape(NamedTuple):
    """The three sizes of a batch."""

    num_rows: int
    source_length: int
    target_length: int


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
        self._offsets = [side.on_device(side.offsets) for side in pairs]

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
        all_rows = self.pairs.source.on_device(np.concatenate(numbers))
        parts = torch.split(all_rows, [shape.num_rows for shape in shapes])
        return [StaticRows(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def batch(self, rows: StaticRows) -> Batch:
        """Build the batch of these rows, without waiting for the device, so that this too can be captured."""
        number_B, shape = rows
        is_filled_B = number_B != NO_SENTENCE
        # Empty rows repeat the first sentence, which keeps them finite.
        sentence_B = torch.where(is_filled_B, number_B, number_B[0])
        padded = []
        for side, offset_P, length in zip(self.pairs, self._offsets, shape[1:], strict=True):
            first_B = offset_P[sentence_B]  # sentence i is tokens[offset_P[i] : offset_P[i + 1]]
            padded.append(pad(side.tokens, first_B, offset_P[sentence_B + 1] - first_B, length))
        (source_BS, mask_BS), (target_BT, real_BT) = padded
        previous_BT = torch.full_like(target_BT, BOS)
        previous_BT[:, 1:] = target_BT[:, :-1]
        counts_BT = real_BT & is_filled_B.unsqueeze(1)
        return Batch(source_BS, mask_BS, previous_BT, target_BT, None, sentence_B, counts_BT.flatten())
