"""The training pairs of a run as pieces, in its folder `prepared/`: encoded once, used again while nothing has changed.

The folder is complete or not there, checked by hash before each use, and may be deleted: it is made again when it is needed.
Runs beside each other with the same corpus and tokenizer share one copy on disk by hard links, and each stays whole by itself.
"""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sentencepiece

from translator.config import Config
from translator.errors import DataError, ModelError
from translator.runs.folder import RunFolder
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import find_damage
from translator.text.batches import EncodedPairs
from translator.text.corpus import Fingerprint
from translator.text.filters import FilterResult
from translator.text.sources import open_split
from translator.text.store import PARTS, read_pairs, select_pairs, write_pairs
from translator.text.tokenizer import Tokenizer

PREPARED, ABOUT = "prepared", "about.json"


def encoded_pairs(
    run: RunFolder, config: Config, tokenizer: Tokenizer, found: FilterResult, *, notify: Callable[[str], None]
) -> EncodedPairs:
    """The pieces of a run, made or taken from a neighbour where it has none that can be used."""
    about = {**about_corpus(config, found), "tokenizer": tokenizer.fingerprint}
    folder = run.path / PREPARED
    reason = unusable(folder, about)
    if reason and folder.exists():
        notify(f"{folder} is not used but made again: {reason}")
    if reason:
        with new_folder(folder) as temporary:
            if neighbour := find_neighbour(run, about):
                link_parts(neighbour[0].path / PREPARED, temporary)
            else:
                encode(config, tokenizer, found, temporary)
            write_part(temporary / ABOUT, json.dumps(about, indent=1).encode())
    try:
        return read_pairs(folder, tokenizer)
    except ValueError as error:
        raise ModelError(str(folder), str(error), "remove it; it is made again") from error


def about_corpus(config: Config, found: FilterResult) -> dict[str, Any]:
    """All that decides about tokenizer and pieces."""
    corpus = config.corpus
    return {
        "fingerprint": found.fingerprint,
        "pairs": found.counts.kept,
        "cleaning": [corpus.max_words, corpus.max_characters, corpus.max_ratio],
        "settings": config.tokenizer.model_dump(mode="json"),
        "sentencepiece": sentencepiece.__version__,
    }


def unusable(folder: Path, about: dict[str, Any]) -> str | None:
    """Why the pieces in a folder may not be used for this corpus, or None."""
    if reason := find_damage(folder, *PARTS):
        return reason
    try:
        there = json.loads((folder / ABOUT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return f"{ABOUT} is damaged"
    is_same = isinstance(there, dict) and about.items() <= there.items()
    return None if is_same else "made from another corpus or tokenizer"


def find_neighbour(run: RunFolder, about: dict[str, Any]) -> tuple[RunFolder, Tokenizer] | None:
    """A run beside this one with the same corpus and tokenizer settings, its pieces and tokenizer undamaged."""
    for folder in sorted(run.path.parent.glob(f"*/{PREPARED}")):
        other = RunFolder(folder.parent)
        with suppress(ModelError, OSError):  # whatever is wrong with it is not ours to tell
            if other.path == run.path:
                continue
            other.require_intact()
            if not unusable(folder, about):
                return other, other.tokenizer()
    return None


def link_parts(source: Path, target: Path) -> None:
    """The same files without a second copy, where the file system can."""
    for name in PARTS:
        try:
            os.link(source / name, target / name)
        except OSError:
            shutil.copyfile(source / name, target / name)


def encode(config: Config, tokenizer: Tokenizer, found: FilterResult, folder: Path) -> None:
    """Read the training pairs a second time, into a folder. Raises DataError where they are not those of the first."""
    seen, stream = Fingerprint(), open_split(config.corpus, "train")
    write_pairs(select_pairs(stream.blocks, found.is_kept, seen), tokenizer, folder)
    if seen.hexdigest() != found.fingerprint:
        raise DataError(stream.places[0], "changed while it was read", "start again")
