"""Atomic writes of whole folders, each with a manifest of its hashes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from translator.storage.files import sync, write_errors
from translator.storage.manifest import write_manifest
from translator.storage.temporary import recover_partial_writes, temporary_of


@contextmanager
def new_folder(target: Path, *, num_bytes: int = 0) -> Iterator[Path]:
    """Create a temporary folder that becomes `target`, with a manifest, if the block ends without an error.

    A folder that is replaced stays in place until the new one is complete. Raises MachineError if the disk refuses.
    """
    temporary = temporary_of(target)
    try:
        with write_errors(target, num_bytes):
            target.parent.mkdir(parents=True, exist_ok=True)
            recover_partial_writes(target.parent, target.name)
            temporary.mkdir()
            yield temporary
            # The manifest comes last, so that a folder without one is known to be incomplete; see `files` for the order
            # of fsync and rename. A folder cannot be replaced by one rename, hence the detour over the name .old.
            write_manifest(temporary)
            for path in (*walk(temporary), temporary):
                sync(path)
            if os.path.lexists(target):
                target.rename(temporary.with_name(f"{temporary.name}.old"))
            temporary.rename(target)
            sync(target.parent)
    finally:
        recover_partial_writes(target.parent, target.name)


def walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder; symbolic links are not followed.

    Unlike `Path.rglob`, this tolerates a folder that another process deletes meanwhile.
    """
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))
