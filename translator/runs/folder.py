"""A run folder: everything about one training run, complete in itself and movable.

config.toml        the resolved config                   checkpoints/   see training/checkpoint.py
run.json           RunRecord: versions, counts, hashes   final/         the final parameters, and finished.json, the
tokenizer/         SentencePiece models                                 FinishRecord: when and how training ended
words.txt          words of the training sources         journal.jsonl  what happened, one event per line
counts.tsv         frequency of each target word         prepared/      training pairs as ids, see encoded_pairs.py
corpus/            validation and test sentences         ctranslate2/   what `translator export` wrote, if it was used
pairs.u64          sorted hashes of the training pairs

The left column never changes; its hashes are in manifest.json. final/ has a manifest of its own. A finished run without
corpus/, checkpoints/ and prepared/ still translates.
"""

import hashlib
import os
from collections.abc import Callable, Collection
from itertools import compress, count, takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from translator.config import Config, read_saved_config
from translator.errors import DataError, MachineError, ModelError, TranslatorError, UsageError
from translator.models.layers import Vocabularies
from translator.runs.model import check_parameters
from translator.runs.records import MAX_RECORD_BYTES, FinishRecord, RunRecord, read_record
from translator.storage.folders import walk
from translator.storage.manifest import MANIFEST, find_damage, lists, recorded_hash
from translator.text.reader import LineLimit, read_lines
from translator.text.tokenizer import Tokenizer
from translator.training.checkpoint import MODEL

CONFIG = "config.toml"
RECORD = "run.json"
FINISHED = "final/finished.json"
JOURNAL = "journal.jsonl"
WORDS = "words.txt"
COUNTS = "counts.tsv"
_CORPUS = "corpus"
PAIRS = "pairs.u64"
FIRST_TEST = "first_test"
"""Name of the test set of the run that this one started from."""
CARD = "README.md"
"""The model card of a packed run, which its reader may edit."""
VALIDATION_LINKS = f"{_CORPUS}/validation.align"
"""Gold alignments of the validation pairs, if the corpus has them."""

PARTS = (
    *(CONFIG, RECORD, WORDS, COUNTS, PAIRS, JOURNAL, CARD, MANIFEST),
    *(_CORPUS, "tokenizer", "checkpoints", "final", "prepared", "ctranslate2", "tensorboard"),
)
"""Files and folders of a run; others that a user puts beside them are ignored."""

_HASH_BYTES = 8
_TOKENIZERS = ("tokenizer/source.model", "tokenizer/target.model")
_FIXED = (CONFIG, RECORD, *_TOKENIZERS)
_MAX_BYTES = {CONFIG: 2**20, RECORD: MAX_RECORD_BYTES, **dict.fromkeys(_TOKENIZERS, 2**28)}
_ILLEGAL: dict[str, Callable[[Path], bool]] = {
    "a symbolic link": Path.is_symlink,
    "a pipe": Path.is_fifo,
    "a socket": Path.is_socket,
    "a device": lambda path: path.is_block_device() or path.is_char_device(),
}
"""Files that a run folder must not contain: they lead out of the folder, or opening them may block forever."""


def other_reference(split: str, number: int) -> str:
    """Return the name of the file with further reference translations of a split, numbered from 1."""
    return f"{split}.target.{number}"


class HeldOut(NamedTuple):
    """Validation or test sentences, aligned line by line."""

    source: list[str]
    target: list[str]
    kinds: list[str] | None  # a label per sentence, if the corpus has them
    others: tuple[list[str], ...] = ()  # further reference translations

    @property
    def references(self) -> list[list[str]]:
        """All reference translations, one list per translator."""
        return [self.target, *self.others]

    def without(self, numbers: Collection[int]) -> "HeldOut":
        """Return the sentences except those with these numbers, which count from 1."""
        keep = [number not in numbers for number in range(1, len(self.source) + 1)]
        source, target, *others = ([*compress(lines, keep)] for lines in (self.source, *self.references))
        return HeldOut(source, target, self.kinds and [*compress(self.kinds, keep)], tuple(others))


class RunFolder(NamedTuple):
    """The paths and records of one run. Its `partners` are runs that translate together with it, as an ensemble."""

    path: Path
    partners: "tuple[RunFolder, ...]" = ()
    packed_in: Path | None = None  # the file that was unpacked into the folder

    @property
    def name(self) -> str:
        """The name of the folder; of an ensemble, all names joined by '+'."""
        return "+".join(run.path.absolute().name for run in (self, *self.partners))

    @property
    def place(self) -> str:
        """The path that names the run on the command line; of an ensemble, all paths."""
        return " + ".join(str(run.packed_in or run.path) for run in (self, *self.partners))

    @property
    def is_packed(self) -> bool:
        """Whether `translator pack` wrote the run, without corpus and journal. Raises ModelError if it is damaged."""
        return not lists(self.path, PAIRS)

    @property
    def is_run(self) -> bool:
        """Whether this program created the folder, in any run format."""
        return (self.path / RECORD).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether training has finished."""
        return (self.path / FINISHED).is_file()

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def final(self) -> Path:
        return self.path / "final"

    @property
    def written_at(self) -> float:
        """When the journal, or without one the record, was last written, in seconds since 1970."""
        journal = self.path / JOURNAL
        return (journal if journal.exists() else self.path / RECORD).stat().st_mtime

    def config(self) -> Config:
        """Return the config that the run was started with, with limits on its [decoding]. Raises ModelError if it is damaged."""
        try:
            config = read_saved_config(self.path / CONFIG)
        except (OSError, ValueError, RecursionError, TranslatorError) as error:
            problem = f"cannot be read ({error})"
            raise ModelError(str(self.path / CONFIG), problem, "the run folder is damaged") from error
        return config.model_copy(update={"decoding": config.decoding.of_a_run})

    def record(self) -> RunRecord:
        """Return what was known when the run was prepared. Raises ModelError if the record is damaged."""
        return read_record(self.path / RECORD, RunRecord)

    def finish_record(self) -> FinishRecord:
        """Return how training ended. Raises ModelError if the record is damaged or the run is not finished."""
        return read_record(self.path / FINISHED, FinishRecord)

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer of both languages. Raises ModelError if it is damaged."""
        return Tokenizer.load(self.path / "tokenizer", self.record().tokenizer, self.config().tokenizer)

    def has_split(self, name: str) -> bool:
        """Whether the run has these sentences."""
        return (self.path / _CORPUS / f"{name}.source").is_file()

    def split(self, name: str) -> HeldOut:
        """Return the "validation", "test" or FIRST_TEST sentences. Raises ModelError if the run has none."""
        folder = self.path / _CORPUS
        source, target = folder / f"{name}.source", folder / f"{name}.target"
        if not self.has_split(name):
            problem = f"the run has no {name} sentences"
            raise ModelError(self.place, problem, "give files with --source and --reference")
        limit = LineLimit(3 * self.config().corpus.max_line_bytes)  # NFC may triple the length of a line
        numbered = (folder / other_reference(name, number) for number in count(1))
        sources, targets, *others = columns = [
            self._lines(path, limit) for path in (source, target, *takewhile(Path.is_file, numbered))
        ]
        kinds = folder / f"{name}.kind"
        labels = self._lines(kinds, limit) if kinds.is_file() else None
        if len({len(lines) for lines in (*columns, labels or sources)}) > 1:
            problem = f"the files of the {name} sentences do not have the same number of lines"
            raise ModelError(str(folder), problem, "restore the run folder")
        return HeldOut(sources, targets, labels, tuple(others))

    @staticmethod
    def _lines(path: Path, limit: LineLimit) -> list[str]:
        """Return the lines of a file of the run. Raises ModelError if they are not text."""
        try:
            return list(read_lines(path, limit))
        except DataError as error:
            raise ModelError(error.place, error.problem, "restore the run folder") from error

    def pair_hashes(self) -> NDArray[np.uint64]:
        """Return the sorted hashes of the training pairs. Raises ModelError if the file is missing or damaged."""
        path = self.path / PAIRS
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(str(path), f"cannot be read ({error.strerror})", "restore the run folder") from error
        if hashlib.sha256(content).hexdigest() != self.record().pairs:
            raise ModelError(str(path), "has changed since it was written (SHA-256 differs)", "restore the run folder")
        if len(content) % _HASH_BYTES:
            raise ModelError(str(path), f"has {len(content)} bytes, expected a multiple of 8", "restore the run folder")
        return np.frombuffer(content, "<u8")

    def parameters_digest(self) -> str:
        """Return the SHA-256 of the final parameters, as their manifest has it."""
        return recorded_hash(self.final, MODEL)

    def find_final_damage(self, *, with_parameters: bool = True) -> str | None:
        """Return what is wrong with the folder of the final parameters, or None."""
        names, limits = (MODEL, Path(FINISHED).name), {Path(FINISHED).name: MAX_RECORD_BYTES}
        if not with_parameters:
            return find_damage(self.final, *names, unread=(MODEL,), max_bytes=limits)
        return find_damage(self.final, *names, max_bytes=limits, check=self._find_misfit)

    def _find_misfit(self) -> str | None:
        try:
            config, sizes = self.config(), self.record().vocab_sizes
            hashes = {recorded_hash(self.path, name) for name in _TOKENIZERS}
            # A joint vocabulary is written twice, once for each side.
            vocabularies = Vocabularies(sizes.source, sizes.target, is_joint=len(hashes) == 1)
            check_parameters(self.final / MODEL, config, vocabularies)
        except ModelError as error:
            return str(error)
        return None

    def require_single(self, use: str) -> None:
        """Raise UsageError for an ensemble, which cannot be `use`."""
        if self.partners:
            raise UsageError(self.place, f"is an ensemble, which cannot be {use}", "name one run")

    def require_run(self) -> None:
        """Raise ModelError unless this version of the program can read the run."""
        if not self.is_run:
            raise ModelError(
                str(self.path), "is not a run folder of this program", "create one with `translator train`"
            )
        self.record()

    def require_intact(self) -> None:
        """Raise ModelError unless the fixed parts of the run are as they were written and nothing leads out of it."""
        self.require_run()
        for path in walk(self.path):
            if kind := next((kind for kind, is_kind in _ILLEGAL.items() if is_kind(path)), None):
                raise ModelError(str(path), f"illegal path: {kind} inside a run folder", "put the file itself there")
        damage = find_damage(self.path, *_FIXED, unread=(PAIRS, CARD), removable=(_CORPUS,), max_bytes=_MAX_BYTES)
        if damage:
            raise ModelError(self.place, damage, "restore the run folder, or train the run again")

    def require_finished(self) -> None:
        """Raise ModelError unless the run is intact and finished, with undamaged parameters."""
        self.require_intact()
        if not self.is_finished:
            raise ModelError(str(self.path), "its training has not finished", "resume it with `translator train`")
        if reason := self.find_final_damage():
            raise ModelError(str(self.packed_in or self.final), reason, "train the run again")
        self.finish_record()

    def require_replaceable(self) -> None:
        """Raise MachineError if the path is neither a run nor an empty folder, and so must not be overwritten.

        All fixed parts are required, because a file of a common name does not make a folder a run.
        """
        is_empty = self.path.is_dir() and not any(self.path.iterdir())
        if os.path.lexists(self.path) and not is_empty and not all((self.path / name).exists() for name in _FIXED):
            advice = "choose another --output"
            raise MachineError(str(self.path), "is not a run folder, so it is not overwritten", advice)
