"""The training pairs of a run as token ids, in its folder `prepared/`: encoded once and reused while nothing has changed.

The folder is complete or absent, is checked by hash before each use, and may be deleted: it is written again when needed.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from translator.config import Config
from translator.errors import DataError, ModelError
from translator.jobs.train.distillation import digest_of, distilled, find_teachers
from translator.jobs.train.fine_tuning import first_run
from translator.jobs.train.prepare import Prepared
from translator.runs.folder import RunFolder
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import find_damage
from translator.text.batches import EncodedPairs
from translator.text.corpus import Block, Fingerprint, Stream
from translator.text.sources import open_sources, open_split
from translator.text.store import PARTS, append_pairs, read_pairs, select_pairs, write_pairs

PREPARED = "prepared"
_ABOUT = "about.json"


class _About(BaseModel):
    """Everything that determines the ids of the pairs: `about.json` in `prepared/`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    corpus: str  # fingerprint of all pairs read
    num_pairs: int
    filters: tuple[int, int, float]  # max_words, max_characters, max_ratio
    tokenizer: str  # fingerprint
    sentencepiece: str  # version
    teachers: tuple[str, ...] = ()  # parameters and decoding of each
    mixed_from: str | None = None  # run whose training pairs follow
    num_mixed: int = 0
    num_of_sources: tuple[int, ...] = ()  # pairs of each corpus

    @property
    def before_encoding(self) -> "_About":
        """The record without the counts, which are known only after encoding."""
        return self.model_copy(update={"num_mixed": 0, "num_of_sources": ()})


class WeightedPairs(NamedTuple):
    """Training pairs, and how often each occurs in an epoch; None means once."""

    pairs: EncodedPairs
    weight_P: NDArray[np.float32] | None


def encoded_pairs(
    prepared: Prepared,
    notify: Callable[[str], None],
    *,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a value
) -> WeightedPairs:
    """Return the training pairs as ids, encoding them unless `prepared/` already holds them.

    The pairs of the corpus come first, then those with the translations of the teachers, which run on `device`, then those of
    the run that `training.mix` refers to. Encoded pairs of other runs are never reused, since anyone who can write to such a
    run could choose what this run learns. Call this only while the run folder is locked. Raises DataError if the corpus has
    changed since it was filtered.
    """
    run, config, tokenizer, _, filtered = prepared
    teachers = find_teachers(config, run)
    about = _About(
        corpus=filtered.fingerprint,
        num_pairs=filtered.counts.kept,
        filters=(config.corpus.max_words, config.corpus.max_characters, config.corpus.max_ratio),
        tokenizer=tokenizer.fingerprint,
        sentencepiece=sentencepiece.__version__,
        teachers=tuple(map(digest_of, teachers)),
        mixed_from=config.training.initialise_from if config.training.mix else None,
    )
    folder = run.path / PREPARED
    if reason := _reason_to_encode(folder, about):
        if folder.exists():
            notify(f"{folder} cannot be used and is written again: {reason}")
        with new_folder(folder) as temporary:
            seen, streams, num_read = Fingerprint(), open_sources(config.corpus), list[int]()
            blocks = select_pairs(_counted(streams, num_read), filtered.is_kept, seen)
            for teacher in teachers:
                again = select_pairs(open_split(config.corpus, "train").blocks, filtered.is_kept, Fingerprint())
                blocks = chain(blocks, distilled(again, teacher, device, notify))
            write_pairs(blocks, tokenizer, temporary)
            if first := first_run(config) if about.mixed_from else None:
                about = about.model_copy(update={"num_mixed": append_pairs(temporary, _pairs_of(first))})
            kept = np.split(filtered.is_kept, np.cumsum(num_read)[:-1])
            about = about.model_copy(update={"num_of_sources": tuple(int(is_kept.sum()) for is_kept in kept)})
            if seen.hexdigest() != filtered.fingerprint:
                raise DataError(streams[0].places[0], "changed while it was read", "start again")
            write_part(temporary / _ABOUT, about.model_dump_json(indent=1).encode())
    try:
        pairs = read_pairs(folder, tokenizer)
        found = _About.model_validate_json((folder / _ABOUT).read_bytes())
        return WeightedPairs(pairs, _weights(config, pairs.num_pairs, found))
    except ValueError as error:
        raise ModelError(str(folder), str(error), "remove the folder; it is written again") from error


def _reason_to_encode(folder: Path, about: _About) -> str | None:
    """Return why the ids in a folder cannot be used, or None if they can."""
    if reason := find_damage(folder, _ABOUT, *PARTS):
        return reason
    try:
        found = _About.model_validate_json((folder / _ABOUT).read_bytes())
    except ValidationError:
        return f"{_ABOUT} is damaged"
    return None if found.before_encoding == about else "made from another corpus, tokenizer or teacher"


def _pairs_of(run: RunFolder) -> Path:
    """Return the folder with the encoded training pairs of a run. Raises ModelError if it is missing or damaged."""
    folder = run.path / PREPARED
    if reason := find_damage(folder, _ABOUT, *PARTS):
        advice = "train without training.mix, or train that run again"
        raise ModelError(str(folder), f"its pairs cannot be mixed in: {reason}", advice)
    return folder


def _counted(streams: list[Stream], num_read: list[int]) -> Iterator[Block]:
    """Yield the blocks of all streams, and append to `num_read` how many pairs each stream has."""
    for stream in streams:
        num_read.append(0)
        for block in stream.blocks:
            num_read[-1] += len(block.source)
            yield block


def _weights(config: Config, num_pairs: int, about: _About) -> NDArray[np.float32] | None:
    """Return how often each pair occurs in an epoch: by the weights of its corpus, and for mixed pairs by their share."""
    sources, mix = config.corpus.sources, config.training.mix
    if not about.num_mixed and not sources:
        return None
    weight_P, last = np.ones(num_pairs, np.float32), num_pairs - about.num_mixed
    if sources:
        weights = np.repeat([source.weight for source in sources], about.num_of_sources)
        weight_P[: len(weights)] = weights
    if about.num_mixed:
        # Solves mixed / (others + mixed) = mix for the weight of one mixed pair.
        weight_P[last:] = mix / (1 - mix) * weight_P[:last].sum() / about.num_mixed
    return weight_P
