"""Atomic writes of single files.

The content goes to a temporary file beside the target, then to the disk (fsync), and only then a rename gives it the name of
the target: a reader finds the old version or the new one, never a part. The order matters because a file system may record the
rename before the content; after a power failure the name would then lead to an empty file. A last fsync, of the folder, makes
the rename itself durable.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from translator.errors import MachineError
from translator.storage.temporary import PREFIX, recover_partial_writes, temporary_of

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_file(path: Path, *, num_bytes: int = 0) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` if the block ends without an error.

    A symbolic link at `path` is replaced, not followed. Raises MachineError if the disk refuses; wrap each write in
    `write_errors`, since other errors of the block pass unchanged.
    """
    target = path.absolute()
    temporary = temporary_of(target)
    try:
        with write_errors(path, num_bytes):
            recover_partial_writes(target.parent, target.name)
            file = temporary.open("xb")
        try:
            yield file
        finally:
            with write_errors(path, num_bytes):  # closing writes what is still in the buffer
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
    """Write a file that does not exist yet, without flushing it: for a part of a `new_folder`, which does that."""
    with path.open("xb") as file:
        file.write(content)


def append(descriptor: int, content: bytes) -> None:
    """Append to an open file. Raises OSError if the disk refuses; then no part of the content stays in the file."""
    size = os.fstat(descriptor).st_size
    try:
        while content:  # os.write may write a part
            content = content[os.write(descriptor, content) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def write_errors(place: Path, num_bytes: int = 0) -> Iterator[None]:
    """Turn an OSError raised in the block into a MachineError that names `place`."""
    try:
        yield
    except OSError as error:
        raise disk_error(place, error, num_bytes) from error


def disk_error(place: Path, error: OSError, num_bytes: int = 0) -> MachineError:
    """Return the error to raise if a write fails; for a full disk it says how much is needed and how much is free."""
    if error.errno not in _NO_SPACE:
        named = Path(error.filename or place)
        place = place if named.name.startswith(PREFIX) else named
        advice = "check its permissions or choose another place"
        return MachineError(str(place), f"cannot be written ({error.strerror})", advice)
    existing = next(path for path in (place, *place.absolute().parents) if path.exists())
    needed = f"needed about {num_bytes / 1e6:.1f} MB, " if num_bytes else ""
    free = f"{shutil.disk_usage(existing).free / 1e6:.1f} MB are free"
    problem = f"no space left ({error.strerror}): {needed}{free}"
    return MachineError(str(place), problem, "free some space and run the command again")
