"""Names of files and folders that are still being written, and what to do with those of a killed process.

    .tmp-NAME-PID       the new version of NAME, written by process PID
    .tmp-NAME-PID.old   the old version, until the new one has taken its name

The pid keeps two processes that write the same target apart, and says whether the writer is still alive.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PREFIX = ".tmp-"
_NAME = re.compile(rf"{re.escape(PREFIX)}(?P<target>.+)-(?P<pid>[0-9]{{1,10}})(?P<old>\.old)?", re.DOTALL)


def temporary_of(target: Path) -> Path:
    """Return where this process writes the new version of a file or folder."""
    return target.with_name(f"{PREFIX}{target.name}-{os.getpid()}")


def replaced_of(target: Path) -> Path:
    """Return where this process keeps the old version while the new one takes its place."""
    return target.with_name(f"{PREFIX}{target.name}-{os.getpid()}.old")


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine has this pid and has not ended."""
    if os.name != "posix" or pid <= 0:  # on Windows, os.kill(pid, 0) is not a question
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:  # it belongs to another user
        return True
    except (OSError, OverflowError):
        return False
    with suppress(OSError):  # Linux: a process that ended keeps its pid until its parent asks for its exit code
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    return True


def recover_partial_write(target: Path) -> None:
    """Undo a write that this process or a killed one did not complete.

    An old version without a successor gets its name back; everything else that was left is deleted.
    """
    for leftover, name in _leftovers(target.parent):
        if name["target"] == target.name:
            _recover(leftover, target, is_old=name["old"] is not None)


def recover_partial_writes(*folders: Path) -> None:
    """Call `recover_partial_write` for everything in these folders."""
    for folder in folders:
        for leftover, name in _leftovers(folder):
            _recover(leftover, leftover.with_name(name["target"]), is_old=name["old"] is not None)


def _leftovers(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    """Yield the temporary files and folders whose writer is not another live process, with their parsed names."""
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        name = _NAME.fullmatch(path.name)
        if name and (int(name["pid"]) == os.getpid() or not is_alive(int(name["pid"]))):
            yield path, name


def _recover(leftover: Path, target: Path, *, is_old: bool) -> None:
    if is_old and not target.exists():
        leftover.rename(target)
    else:
        remove(leftover)


def remove(path: Path) -> None:
    """Delete a folder, a file or a link, if it exists and can be deleted."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
