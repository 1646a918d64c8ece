"""Folders that are complete or not there, checked by hash.

All parts are written into `.tmp-NAME` beside the target, the manifest last, and flushed; one rename gives the folder its
name. Whoever writes a run holds its lock, so what a killed process left under such a name is nobody's and may go.
"""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from translator.errors import MachineError, ModelError
from translator.version import __version__

FORMAT = 1
MANIFEST = "manifest.json"
LONGEST_MANIFEST = 2**20
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_folder(target: Path, *, num_bytes: int = 0) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes it, complete with a manifest, if the block ends well.

    A folder that is replaced stays until the new one is complete. Raises MachineError where the disk refuses.
    """
    temporary, replaced = temporary_of(target), replaced_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        recover_partial_write(target)
        temporary.mkdir()
        yield temporary
        write_manifest(temporary)
        for path in (*temporary.rglob("*"), temporary):
            sync(path)
        if os.path.lexists(target):
            target.rename(replaced)
        temporary.rename(target)
        sync(target.parent)
    except OSError as error:
        raise cannot_write(target, error, num_bytes) from error
    finally:
        recover_partial_write(target)


def temporary_of(target: Path) -> Path:
    """Where a folder grows."""
    return target.with_name(f".tmp-{target.name}")


def replaced_of(target: Path) -> Path:
    """Where a folder waits for its successor."""
    return target.with_name(f".tmp-{target.name}.old")


def recover_partial_write(target: Path) -> None:
    """Undo what was cut short: put a folder back whose successor never came, remove what was half written."""
    replaced = replaced_of(target)
    if replaced.exists() and not target.exists():
        replaced.rename(target)
    for leftover in (temporary_of(target), replaced):
        remove(leftover)


def remove(path: Path) -> None:
    """Delete a folder, a file or a link, if it is there and can be deleted."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def recover_partial_writes(*folders: Path) -> None:
    """`recover_partial_write` everything that a killed process left unfinished in these folders."""
    for leftover in [path for folder in folders for path in folder.glob(".tmp-*")]:
        recover_partial_write(leftover.with_name(leftover.name.removeprefix(".tmp-").removesuffix(".old")))


def cannot_write(place: Path, error: OSError, num_bytes: int = 0) -> MachineError:
    """The error for a disk that is full or forbidden, with what was needed and what there is."""
    if error.errno not in NO_SPACE:
        place = Path(error.filename or place)
        return MachineError(
            str(place), f"cannot be written ({error.strerror})", "check its permissions or choose another place"
        )
    there = next(one for one in (place, *place.absolute().parents) if one.exists())
    needed = f"needed about {num_bytes / 1e6:.1f} MB, " if num_bytes else ""
    free = f"{shutil.disk_usage(there).free / 1e6:.1f} MB are free"
    return MachineError(str(place), f"no space left ({error.strerror}): {needed}{free}", "make room and go on")


@contextmanager
def write_errors(place: Path, num_bytes: int = 0) -> Iterator[None]:
    """Turn an OSError raised in the block into a MachineError that names `place`."""
    try:
        yield
    except OSError as error:
        raise cannot_write(place, error, num_bytes) from error


@contextmanager
def new_file(path: Path, *, num_bytes: int = 0) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path`, flushed to disk, if the block ends without an error.

    Wrap each write in `write_errors`; other errors of the block pass unchanged. The temporary name holds the pid, so that
    a second process writing the same file cannot make this one publish a partial file.
    """
    target, prefix = path.absolute(), f".tmp-{path.name}-"
    temporary = target.with_name(f"{prefix}{os.getpid()}")
    try:
        with write_errors(path, num_bytes):
            for leftover in target.parent.iterdir():  # of a killed process
                if leftover.name.startswith(prefix) and leftover.name.removeprefix(prefix).isdecimal():
                    leftover.unlink(missing_ok=True)
            file = temporary.open("xb")
        try:
            yield file
        finally:
            with write_errors(path, num_bytes):
                file.close()
        with write_errors(path, num_bytes):
            sync(temporary)
            temporary.replace(target)
            sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, which is replaced as a whole."""
    with new_file(path, num_bytes=len(content)) as file, write_errors(path, len(content)):
        file.write(content)


def write_part(path: Path, content: bytes) -> None:
    """Write a new file."""
    with path.open("xb") as file:
        file.write(content)


def sync(path: Path) -> None:
    """Wait until the disk has a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path) -> None:
    """Record size and SHA-256 of every part."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in files
    }
    content = {"format": FORMAT, "translator": __version__, "parts": parts}
    write_part(folder / MANIFEST, json.dumps(content, indent=1).encode())


def sha256(path: Path) -> str:
    """The hash of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damage(folder: Path, *expected: str, unread: tuple[str, ...] = ()) -> str | None:
    """What is wrong with a folder that should have these parts, or None. Raises ModelError for one of a newer format.

    Parts that are large and not about to be read may be left out.
    """
    try:
        found = (folder / MANIFEST).stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST_MANIFEST:
            return f"{MANIFEST} is damaged"
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] > FORMAT:
            raise newer(folder, manifest)
        parts = manifest["parts"]
        missing = (f"{MANIFEST} does not list {name}" for name in expected if name not in parts)
        reasons = (damaged_part(folder, *one) for one in parts.items() if one[0] not in unread)
        return next(filter(None, reasons), next(missing, None))
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{MANIFEST} is damaged"


def damaged_part(folder: Path, name: str, part: dict[str, object]) -> str | None:
    """What is wrong with one part of a folder."""
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or path.resolve() != folder.resolve() / name:
        return f"illegal path {name!r} in {MANIFEST}"
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return f"{name} is not a file"
    if found.st_size != part["bytes"]:
        return f"{name} has {found.st_size} bytes, expected {part['bytes']}"
    return None if sha256(path) == part["sha256"] else f"{name} is not what was written (SHA-256 differs)"


def newer(folder: Path, manifest: dict[str, object]) -> ModelError:
    """The error for a folder of a later version of this program."""
    return ModelError(
        str(folder),
        f"written by translator {manifest.get('translator', '?')} in format {manifest['format']},"
        f" this is {__version__}, which knows {FORMAT}",
        "upgrade it",
    )
