"""A run folder: everything about one training, complete in itself and movable.

config.toml        the resolved config                   checkpoints/   see training/checkpoint.py
run.json           versions, counts, fingerprints        final/         the weights that translate, and in
tokenizer/         SentencePiece models                                 finished.json when and how training ended
words.txt          the training words of the source      journal.jsonl  what happened, a line an event
counts.tsv         how often it saw each target word     ctranslate2/   what `export` wrote, if it did
corpus/            validation and test sentences         prepared/      training pairs as pieces, see encoded.py
pairs.u64          sorted hashes of the training pairs

What is on the left never changes; manifest.json has its hashes, and that of final/ those of what is in there.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from translator.config import Config, read_saved_config
from translator.errors import MachineError, ModelError, TranslatorError
from translator.storage.files import disk_error
from translator.storage.manifest import MANIFEST, find_damage
from translator.text.reader import read_lines
from translator.text.tokenizer import Tokenizer
from translator.training.checkpoint import MODEL

try:
    import fcntl
except ImportError:  # not on Windows, where a second process is not noticed
    fcntl = None  # type: ignore[assignment]

CONFIG, RECORD, FINISHED, JOURNAL, WORDS, COUNTS, PAIRS = (
    "config.toml",
    "run.json",
    "final/finished.json",
    "journal.jsonl",
    "words.txt",
    "counts.tsv",
    "pairs.u64",
)
VALIDATION_LINKS = "corpus/validation.align"
"""Gold alignments of the validation pairs, where the corpus has them."""
FIXED = (CONFIG, RECORD, WORDS, "tokenizer/source.model", "tokenizer/target.model")
FINAL = (MODEL, Path(FINISHED).name)
UNTOUCHED: dict[str, Callable[[Path], bool]] = {
    "a symbolic link": Path.is_symlink,
    "a pipe": Path.is_fifo,
    "a socket": Path.is_socket,
    "a device": lambda path: path.is_block_device() or path.is_char_device(),
}
"""What has no place in a run folder: it leads out of it, or whoever opens it may wait for ever."""
FORMAT = 1
FIELDS: dict[str, dict[str, type]] = {
    RECORD: {"tokenizer": str, "corpus.train.fingerprint": str, "corpus.validation.fingerprint": str},
    FINISHED: {"finished_at": str, "made_by": str, "step": int, "final": str, "weights": int, "seconds": float},
}
"""What must be in the records for the commands to read them, beside the format."""


class HeldOut(NamedTuple):
    """Sentences to be scored on, aligned line by line."""

    source: list[str]
    target: list[str]
    kinds: list[str] | None  # a label a sentence, where the corpus gives them


class RunFolder(NamedTuple):
    """The paths and records of one run."""

    path: Path

    @property
    def is_run(self) -> bool:
        """Whether this program made it."""
        return (self.path / RECORD).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether its training came to an end."""
        return (self.path / FINISHED).is_file()

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    @property
    def final(self) -> Path:
        """The folder of the weights that translate."""
        return self.path / "final"

    def config(self) -> Config:
        """The config it was trained with. Raises ModelError where it is damaged."""
        try:
            return read_saved_config(self.path / CONFIG)
        except (OSError, ValueError, TranslatorError) as error:
            raise ModelError(
                str(self.path / CONFIG), f"cannot be read ({error})", "the run folder is damaged"
            ) from error

    def record(self) -> dict[str, Any]:
        """What was noted when the run began."""
        return self.read_json(RECORD)

    def finish_record(self) -> dict[str, Any]:
        """How the run ended."""
        return self.read_json(FINISHED)

    def tokenizer(self) -> Tokenizer:
        """What cuts its sentences into pieces. Raises ModelError where it is damaged."""
        return Tokenizer.load(self.path / "tokenizer", self.record()["tokenizer"])

    def read_json(self, name: str) -> dict[str, Any]:
        """One of its JSON files. Raises ModelError where it is damaged."""
        try:
            content = json.loads((self.path / name).read_bytes())
            if not isinstance(content, dict):
                raise ValueError("expected an object")
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(str(self.path / name), f"cannot be read ({error})", "the run folder is damaged") from error
        for key, kind in {"format": int, **FIELDS.get(name, {})}.items():
            found: Any = content
            for part in key.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if not isinstance(found, kind) or (isinstance(found, float) and not math.isfinite(found)):
                raise ModelError(str(self.path / name), f"has no valid {key!r}", "the run folder is damaged")
        if content["format"] > FORMAT:
            raise ModelError(
                str(self.path), f"written in format {content['format']}, this program knows {FORMAT}", "upgrade it"
            )
        return content

    def require_run(self) -> None:
        """Raise ModelError unless this program made it."""
        if not self.is_run:
            raise ModelError(str(self.path), "is not a run folder of this program", "`translator train` makes one")

    def require_intact(self) -> None:
        """Raise ModelError unless this is a run folder whose fixed parts are what was written, with no way out of it."""
        self.require_run()
        for path in self.path.rglob("*"):
            if found := next((what for what, is_one in UNTOUCHED.items() if is_one(path)), None):
                raise ModelError(str(path), f"illegal path: {found} inside a run folder", "put the file itself there")
        if reason := find_damage(self.path, *FIXED, unread=(PAIRS,)):
            raise ModelError(str(self.path), reason, "restore the run folder, or train the run again")

    def require_finished(self) -> None:
        """Raise ModelError unless this is an intact and finished run with undamaged weights."""
        self.require_intact()
        if not self.is_finished:
            raise ModelError(str(self.path), "its training has not finished", "`translator train` continues it")
        if reason := find_damage(self.final, *FINAL):
            raise ModelError(str(self.final), reason, "train the run again")
        self.finish_record()

    @property
    def lock(self) -> Path:
        """The file of its lock: beside the folder, so that the folder can be made, replaced and moved under it."""
        path = self.path.resolve()
        return path.parent / f".tmp-lock-{path.name}"

    @property
    def written_at(self) -> float:
        """When its journal, or its record where there is none yet, was written to last, in seconds since 1970."""
        journal = self.path / JOURNAL
        return (journal if journal.exists() else self.path / RECORD).stat().st_mtime

    def is_training(self, quiet_seconds: float) -> bool:
        """Whether a process seems to train in it; the lock itself is not touched.

        There is a lock file, and the process that it names is alive or, since that may be one of another machine, the
        journal was written to not long ago.
        """
        if not self.lock.is_file():
            return False
        try:
            owner = int(self.lock.read_bytes())
            if fcntl is not None and owner > 0:
                os.kill(owner, 0)
                return True
        except FileNotFoundError:
            return False
        except PermissionError:
            return True
        except (OSError, OverflowError, ValueError):
            pass
        return time.time() - self.written_at < quiet_seconds

    def parameters_digest(self) -> str:
        """SHA-256 of the weights that translate, as their manifest has it."""
        return str(self.read_json(f"{self.final.name}/{MANIFEST}")["parts"][MODEL]["sha256"])

    def split(self, name: str) -> HeldOut:
        """The validation or test sentences that the run carries. Raises ModelError where it has none."""
        folder = self.path / "corpus"
        source, target = folder / f"{name}.source", folder / f"{name}.target"
        if not source.is_file():
            raise ModelError(
                str(folder), f"the run has no {name} sentences", "give files with --source and --reference"
            )
        kinds = folder / f"{name}.kind"
        labels = list(read_lines(kinds)) if kinds.is_file() else None
        return HeldOut(list(read_lines(source)), list(read_lines(target)), labels)

    @contextmanager
    def locked(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder, whether it is there yet or not, for one process. Raises MachineError where another has it.

        The lock goes with its owner; a killed process leaves the file but not the lock.
        """
        path, lock = self.path.resolve(), self.lock
        is_new = not path.parent.exists()
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = open_locked(lock, self.path, notify)
        except OSError as error:
            raise disk_error(lock, error) from error
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            lock.unlink(missing_ok=True)
            os.close(descriptor)
            if is_new and not any(path.parent.iterdir()):
                path.parent.rmdir()


def open_locked(lock: Path, folder: Path, notify: Callable[[str], None]) -> int:
    """A descriptor that holds the lock file of that name; one that its last owner has just removed does not count."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 20).decode(errors="replace").strip() or "of another process"
            os.close(descriptor)
            raise MachineError(str(folder), f"in use by pid {owner}", "wait for it or stop it") from error
        except OSError as error:
            notify(f"{folder} cannot be locked here ({error.strerror}); see that no other process trains in it")
        if same_file(descriptor, lock):
            return descriptor
        os.close(descriptor)


def same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file still has that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def latest_run(root: Path) -> RunFolder:
    """The run below `root` that `train` finished last. Raises ModelError where there is none."""
    runs = [run for run in map(RunFolder, root.glob("*")) if run.is_run and run.is_finished]
    for run in runs:
        if reason := find_damage(run.final, *FINAL, unread=(MODEL,)):
            raise ModelError(str(run.final), reason, "remove this run, or name another one")
    by_train = [
        (record["finished_at"], run.path) for run in runs if (record := run.finish_record())["made_by"] == "train"
    ]
    if not by_train:
        raise ModelError(str(root), "holds no finished run", "type `translator train` first, or name one")
    return RunFolder(max(by_train)[1])


def newest_run(root: Path) -> RunFolder:
    """The run below `root` that was written to last, finished or not. Raises ModelError where there is none."""
    runs = [run for run in map(RunFolder, root.glob("*")) if run.is_run]
    if not runs:
        raise ModelError(str(root), "holds no run", "type `translator train` first, or name one")
    return max(runs, key=lambda run: run.written_at)


def require_replaceable(folder: Path) -> None:
    """Raise MachineError for anything that is there and no run folder; no file of a common name is enough for one."""
    if os.path.lexists(folder) and not all((folder / name).exists() for name in FIXED):
        raise MachineError(str(folder), "is not a run folder, so it is not overwritten", "choose another --output")


def now() -> str:
    """UTC to the second, in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
