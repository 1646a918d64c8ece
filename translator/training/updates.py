"""The corpus as updates: which sentences each has, cut into micro-batches and shared out among processes."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translator.text.batches import Batch, EncodedPairs, TokenBatches
from translator.text.static_batches import StaticBatches, StaticRows
from translator.training.processes import Processes
from translator.training.settings import TrainingSettings

RESIDENT_SHARE = 4
"""The corpus goes to a GPU if it takes at most one in so many of the bytes that are free there."""


class Share(NamedTuple):
    """What one process does of an update."""

    batches: list[Batch]
    num_tokens: int | Tensor  # target tokens of the whole update, over all its micro-batches and processes


class CorpusUpdates:
    """The encoded training pairs as updates of micro-batches on a device, always the same for the same numbers.

    The sentences of an update do not depend on the number of processes, so neither does what is learned from it. Once
    `static` is set, an update is one batch in the static form.
    """

    def __init__(
        self, pairs: EncodedPairs, settings: TrainingSettings, device: torch.device, processes: Processes
    ) -> None:
        pairs = resident(pairs, device)
        self.pairs, self.device, self.processes = pairs, device, processes
        self.batches = TokenBatches(
            pairs,
            batch_tokens=settings.batch_tokens,
            pool_size=settings.pool_sentences,
            seed=settings.seed,
            few_shapes=settings.batch_by == "shape",
        )
        self.accumulation = settings.accumulation
        self.static: StaticBatches | None = None
        self.order: tuple[int, list[NDArray[np.int64]]] = (-1, [])
        self._static_epoch: tuple[int, list[StaticRows]] = (-1, [])

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """The updates of an epoch as sentence numbers; the last one asked for is kept."""
        if self.order[0] != number:
            self.order = number, self.batches.epoch(number)
        return self.order[1]

    def num_updates(self, epoch: int) -> int:
        """How many updates an epoch has."""
        return len(self.epoch(epoch))

    def share(self, epoch: int, position: int, parts: int) -> Share:
        """What one process does of an update, each of its micro-batches cut in so many parts.

        It is every so-manieth sentence, as they are sorted by length: shares are disjoint, complete and about equal.
        """
        sentences = self.epoch(epoch)[position]
        if self.static is not None and parts == 1:
            return static_share(self.static.batch(self.static_rows(epoch, position)))
        own = sentences[self.processes.rank :: self.processes.size]
        portions = self.batches.split(own, self.accumulation * parts) if len(own) else []
        batches = [self.batches.batch(portion).to(self.device) for portion in portions]
        return Share(batches, self.num_tokens(epoch, position))

    def num_tokens(self, epoch: int, position: int) -> int:
        """Return the number of target tokens of an update."""
        return int(self.pairs.target.lengths(self.epoch(epoch)[position]).sum())

    def static_rows(self, epoch: int, position: int) -> StaticRows:
        """Return one update in the static form. The order of a whole epoch goes to the device at once."""
        if self.static is None:
            raise ValueError("the static form is not in use")
        if self._static_epoch[0] != epoch:
            self._static_epoch = epoch, self.static.rows(self.epoch(epoch))
        return self._static_epoch[1][position]


def static_share(batch: Batch) -> Share:
    """Return an update of one static batch. Its tokens are counted on the device: a captured update keeps no number."""
    return Share([batch], 0 if batch.counts_M is None else batch.counts_M.sum())


def resident(pairs: EncodedPairs, device: torch.device) -> EncodedPairs:
    """The pairs with all their pieces on a GPU where there is room, else as they are: their batches are then moved."""
    if device.type != "cuda":
        return pairs
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return pairs.to(device) if 4 * pairs.num_tokens * RESIDENT_SHARE <= free_bytes else pairs
