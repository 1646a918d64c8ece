"""The corpus as updates: which sentences each update has, how it is cut into micro-batches and shared among processes."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translator.text.batches import Batch, EncodedPairs, TokenBatches, even_parts
from translator.text.static_batches import StaticBatches, StaticRows
from translator.text.subword_sampling import SubwordSampler
from translator.training.processes import Processes
from translator.training.settings import TrainingSettings

_RESIDENT_FRACTION = 0.25
"""The corpus is kept on a GPU if it takes at most this fraction of the free memory there."""


class Share(NamedTuple):
    """The part of an update that one process computes."""

    batches: list[Batch]
    num_tokens: int | Tensor  # target tokens of the whole update, over all its micro-batches and processes


class _SampledBlock(NamedTuple):
    """Consecutive updates with random segmentations. Their sentences are sorted by the new lengths to reduce padding."""

    epoch: int
    number: int  # of the block in the epoch
    sentences: NDArray[np.int64]  # numbers of the training pairs
    pairs: EncodedPairs  # the same pairs in random segmentations
    updates: list[NDArray[np.int64]]  # indices into the pairs


class CorpusUpdates:
    """The encoded training pairs as updates on a device. An update is a function of (seed, epoch, position) alone.

    The sentences of an update do not depend on the number of processes. If `static` is set, an update is one batch in the
    static form. A `sampler` segments the sentences of each epoch at random.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        settings: TrainingSettings,
        device: torch.device,
        processes: Processes,
        *,
        sampler: SubwordSampler | None = None,
        weight_P: NDArray[np.float32] | None = None,
    ) -> None:
        pairs = _resident(pairs, device) if sampler is None else pairs
        self.pairs, self.settings, self.device, self.processes = pairs, settings, device, processes
        self._one_direction = pairs
        self._both_directions = pairs.in_both_directions() if settings.both_directions else pairs
        self.batches = TokenBatches(
            pairs,
            batch_tokens=settings.batch_tokens,
            pool_size=settings.pool_sentences,
            seed=settings.seed,
            few_shapes=settings.batch_by == "shape",
            weight_P=weight_P,
        )
        self.static: StaticBatches | None = None
        self.sampler = sampler
        self._sampled: _SampledBlock | None = None
        # The number of an epoch and its updates; -1: none.
        self._order: tuple[int, list[NDArray[np.int64]]] = (-1, [])
        self._static_epoch: tuple[int, list[StaticRows]] = (-1, [])

    def choose_directions(self, *, both: bool) -> None:
        """Use the pairs in both directions, or in one, for the following updates."""
        pairs = self._both_directions if both else self._one_direction
        if self.pairs is not pairs:
            self.pairs = self.batches.pairs = pairs
            self._order, self._sampled = (-1, []), None

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """Return the sentence numbers of each update of an epoch; the last result is cached."""
        if self._order[0] != number:
            self._order = number, self.batches.epoch(number)
        return self._order[1]

    def num_updates(self, epoch: int) -> int:
        return len(self.epoch(epoch))

    def share(self, epoch: int, position: int, parts: int) -> Share:
        """Return this process's share of an update, with each micro-batch cut into `parts`.

        The share is every `size`-th sentence of the update, from its rank on. Sentences are sorted by length, so the
        shares of all processes have about equal numbers of tokens.
        """
        if self.static is not None and parts == 1:
            return static_share(self.static.batch(self.static_rows(epoch, position)))
        pairs, numbers = self._pairs(epoch, position)
        own = numbers[self.processes.rank :: self.processes.size]
        portions = pairs.split(own, self.settings.accumulation * parts) if len(own) else []
        batches = [pairs.batch(portion).to(self.device) for portion in portions]
        return Share(batches, self.num_tokens(epoch, position))

    def num_tokens(self, epoch: int, position: int) -> int:
        """Return the number of target tokens of an update."""
        pairs, numbers = self._pairs(epoch, position)
        return int(pairs.target.lengths(numbers).sum())

    def sentences(self, epoch: int, position: int) -> NDArray[np.int64]:
        """Return the numbers of the training pairs of an update."""
        if self.sampler is None:
            return self.epoch(epoch)[position]
        block, place = self._block(self.sampler, epoch, position)
        return block.sentences[block.updates[place]]

    def _pairs(self, epoch: int, position: int) -> tuple[EncodedPairs, NDArray[np.int64]]:
        """Return the pairs that contain an update, and the numbers of its sentences among them."""
        if self.sampler is None:
            return self.pairs, self.epoch(epoch)[position]
        block, place = self._block(self.sampler, epoch, position)
        return block.pairs, block.updates[place]

    def _block(self, sampler: SubwordSampler, epoch: int, position: int) -> tuple[_SampledBlock, int]:
        """Return the sampled block that contains an update, and the place of the update in it. The last block is cached."""
        updates = self.epoch(epoch)
        size = max(1, round(self.settings.pool_sentences * len(updates) / self.pairs.num_pairs))
        number, place = divmod(position, size)
        if self._sampled is None or self._sampled[:2] != (epoch, number):
            self._sampled = self._sample_block(sampler, epoch, number, updates[number * size : (number + 1) * size])
        return self._sampled, place

    def _sample_block(
        self, sampler: SubwordSampler, epoch: int, number: int, updates: list[NDArray[np.int64]]
    ) -> _SampledBlock:
        """Segment the sentences of these updates, sort them by their new lengths and divide them into as many updates."""
        sentences = np.concatenate(updates)
        pairs = sampler.sample(self.pairs, sentences, epoch)
        source, target = (side.lengths(np.arange(len(sentences))) for side in pairs)
        order = np.lexsort((source, target))
        parts = even_parts(order, (source + target)[order], len(updates))
        shuffled = np.random.default_rng((self.settings.seed, epoch, number)).permutation(len(parts))
        return _SampledBlock(epoch, number, sentences, pairs, [parts[index] for index in shuffled])

    def static_rows(self, epoch: int, position: int) -> StaticRows:
        """Return one update in the static form. The order of a whole epoch goes to the device at once."""
        if self.static is None:
            raise ValueError("the static form is not in use")
        if self._static_epoch[0] != epoch:
            self._static_epoch = epoch, self.static.rows(self.epoch(epoch))
        return self._static_epoch[1][position]


def static_share(batch: Batch) -> Share:
    """Return an update of one static batch. Its tokens are counted on the device, so that each replay counts its own."""
    return Share([batch], 0 if batch.counts_M is None else batch.counts_M.sum())


def _resident(pairs: EncodedPairs, device: torch.device) -> EncodedPairs:
    """Return the pairs with their tokens on a GPU if there is room; otherwise each batch is copied when it is used."""
    if device.type != "cuda":
        return pairs
    free_bytes, _ = torch.cuda.mem_get_info(device)
    # Four bytes per token on a device.
    return pairs.to(device) if 4 * pairs.num_tokens <= _RESIDENT_FRACTION * free_bytes else pairs
