"""The lock that lets one process at a time train in a run folder.

Two kernel locks (flock), which the kernel drops when their owner ends, however it ends:

- on the file `.lock-NAME` beside the run. It holds the owner's pid, and can be locked before the run folder exists,
  while `--overwrite` replaces the folder, and from other machines that share the disk.
- on the run folder itself, which does not depend on any file: the folder stays locked even if files are deleted.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from translator.errors import MachineError
from translator.storage.files import write_errors
from translator.storage.temporary import is_alive, recover_partial_writes, shortened

try:
    import fcntl
except ImportError:  # not on Windows, where a second process is not noticed
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from translator.runs.folder import RunFolder

RETRY_SECONDS = 2.0
"""How long a lock is retried: a process whose supervisor was killed may take a moment to end."""
_RETRY_INTERVAL = 0.05


def lock_file(folder: Path) -> Path:
    """Return the lock file of a run folder."""
    path = folder.resolve()
    return path.parent / f".lock-{shortened(path.name, len('.lock-'))}"  # not with_name, which rejects the root folder


class RunLock:
    """Keeps other processes out of a run folder, whether it exists yet or not, from `acquire` to `close`."""

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self.folder, self._path, self._notify = folder, lock_file(folder), notify
        self._held_file: int | None = None
        self._held_folder: int | None = None
        self._created: list[Path] = []

    def acquire(self) -> None:
        """Take the lock. Raises MachineError, naming the owner, if another process keeps it."""
        folder = self.folder.resolve()
        with write_errors(self._path):
            self._created = [missing for missing in (folder, *folder.parents) if not missing.exists()]
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._held_file = self._lock(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0))
            os.ftruncate(self._held_file, 0)  # removes the pid of the last owner
            os.write(self._held_file, str(os.getpid()).encode())
            recover_partial_writes(folder.parent, folder.name)  # of a killed owner
            if not folder.exists():
                folder.mkdir()  # so that there is something to lock while the run is prepared
            self.hold_folder()

    def hold_folder(self) -> None:
        """Lock the folder that is at the run's path now; call this after the folder may have been replaced."""
        path, before = self.folder.resolve(), self._held_folder
        if fcntl is None or not path.is_dir() or (before is not None and _is_same_file(before, path)):
            return
        self._held_folder = self._lock(path, os.O_RDONLY)
        if before is not None:
            os.close(before)

    def close(self) -> None:
        """Release the lock, if it was taken, and remove folders that were created for it and are still empty.

        The run folder goes first: until the lock file is released, no other process acquires it.
        """
        if self._held_file is None:
            return
        _remove_empty(self._created[:1])
        if self._held_folder is not None:
            os.close(self._held_folder)
        if _is_same_file(self._held_file, self._path):
            self._path.unlink(missing_ok=True)
        os.close(self._held_file)
        _remove_empty(self._created[1:])
        self._held_file = self._held_folder = None

    def _lock(self, path: Path, flags: int) -> int:
        """Open a file or folder and lock it; returns the descriptor that holds the lock."""
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            descriptor = os.open(path, flags, 0o666)
            try:
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = _owner_of(descriptor)
                os.close(descriptor)
                if time.monotonic() > deadline:
                    raise MachineError(str(self.folder), f"in use by {owner}", "wait for it or stop it") from error
                time.sleep(_RETRY_INTERVAL)
                continue
            except OSError as error:  # a file system without locks
                if path == self._path:  # once, not for the folder again
                    advice = "make sure that no other process trains in it"
                    self._notify(f"{self.folder} cannot be locked here ({error.strerror}); {advice}")
            # The last owner may have deleted or replaced the file between our open and our lock.
            if _is_same_file(descriptor, path):
                return descriptor
            os.close(descriptor)


def is_training(run: "RunFolder", quiet_seconds: float) -> bool:
    """Return whether a process seems to train in the run.

    A lock file whose owner is not a process of this machine may be left over, or the owner may run on another machine;
    it counts if the journal was written in the last `quiet_seconds`.
    """
    if _is_locked(run.path):
        return True
    path = lock_file(run.path)
    if not path.is_file():
        return False
    try:
        owner = int(path.read_bytes()[:20])
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        owner = 0
    return is_alive(owner) or time.time() - run.written_at < quiet_seconds


def _is_locked(folder: Path) -> bool:
    """Return whether a process of this machine holds the lock on a folder.

    Asking takes a shared lock for a moment; a process that acquires the lock just then tries again.
    """
    if fcntl is None:
        return False
    with suppress(OSError):  # no folder, or a file system without locks
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def _owner_of(descriptor: int) -> str:
    """Return who holds the lock on an open file or folder: the pid in the file, or that in Linux's list of locks."""
    with suppress(OSError, ValueError):  # a folder cannot be read
        return f"pid {int(os.read(descriptor, 20))}"
    with suppress(OSError):
        inode = os.fstat(descriptor).st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            # "3: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF": the pid, then device and inode
            match line.split():
                case [_, "FLOCK", _, _, pid, file, *_] if file.endswith(f":{inode}") and pid.isdecimal():
                    return f"pid {pid}"
    return "another process"


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Return whether an open file or folder still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
