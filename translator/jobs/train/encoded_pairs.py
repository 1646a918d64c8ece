"""The training pairs of a run as token ids, in its folder `prepared/`: encoded once and reused while nothing has changed.

The folder is complete or absent, is checked by hash before each use, and may be deleted: it is written again when needed.
"""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import sentencepiece
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from translator.errors import DataError, ModelError
from translator.jobs.train.distillation import digest_of, distilled, find_teachers
from translator.jobs.train.prepare import Prepared
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import find_damage
from translator.text.batches import EncodedPairs
from translator.text.corpus import Fingerprint
from translator.text.sources import open_split
from translator.text.store import PARTS, read_pairs, select_pairs, write_pairs

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


def encoded_pairs(
    prepared: Prepared,
    notify: Callable[[str], None],
    *,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a value
) -> EncodedPairs:
    """Return the training pairs as ids, encoding them unless `prepared/` already holds them.

    Pairs with the translations of the teachers, which run on `device`, follow those of the corpus. Call this only while the
    run folder is locked. Encoded pairs are never taken from another run: anyone who can write to that run could choose what
    this run learns. Raises DataError if the corpus has changed since it was filtered.
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
    )
    folder = run.path / PREPARED
    if reason := _reason_to_encode(folder, about):
        if folder.exists():
            notify(f"{folder} cannot be used and is written again: {reason}")
        with new_folder(folder) as temporary:
            seen, stream = Fingerprint(), open_split(config.corpus, "train")
            blocks = select_pairs(stream.blocks, filtered.is_kept, seen)
            for teacher in teachers:
                again = select_pairs(open_split(config.corpus, "train").blocks, filtered.is_kept, Fingerprint())
                blocks = chain(blocks, distilled(again, teacher, device, notify))
            write_pairs(blocks, tokenizer, temporary)
            if seen.hexdigest() != filtered.fingerprint:
                raise DataError(stream.places[0], "changed while it was read", "start again")
            write_part(temporary / _ABOUT, about.model_dump_json(indent=1).encode())
    try:
        return read_pairs(folder, tokenizer)
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
    return None if found == about else "made from another corpus, tokenizer or teacher"
