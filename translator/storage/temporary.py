"""Names of files and folders that are still being written, and what to do with those of a killed process.

    .tmp-NAME-PID       the new version of NAME, written by process PID
    .tmp-NAME-PID.old   the old version, until the new one has taken its name

A NAME that is too long for the additions is cut, and a digest takes the place of the rest. The pid keeps two processes that
write the same target apart, and says whether the writer is still alive.
"""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

PREFIX = ".tmp-"
_MAX_NAME_BYTES = 255
"""The longest file name of common file systems."""
_ADDED_BYTES = len(f"{PREFIX}-{2**31}.old")
_NAME = re.compile(rf"{re.escape(PREFIX)}(?P<target>.+)-(?P<pid>[0-9]{{1,10}})(?P<old>\.old)?", re.DOTALL)


def temporary_of(target: Path) -> Path:
    """Return where this process writes the new version of a file or folder."""
    return target.with_name(f"{PREFIX}{shortened(target.name, _ADDED_BYTES)}-{os.getpid()}")


def shortened(name: str, num_added: int) -> str:
    """Return the name, cut and with a digest if it would be too long with so many bytes added."""
    encoded, limit = os.fsencode(name), _MAX_NAME_BYTES - num_added
    if len(encoded) <= limit:
        return name
    # Names that differ only in what is cut stay different.
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return f"{encoded[: limit - len(digest) - 1].decode(errors='ignore')}~{digest}"


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine has this pid and has not ended."""
    if os.name != "posix" or pid <= 0:  # on Windows, os.kill(pid, 0) does more than check
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


def recover_partial_writes(folder: Path, name: str | None = None) -> None:
    """Undo the writes in a folder, or only those of `name`, that this process or a killed one did not complete.

    An old version without a successor gets its name back; everything else that was left is deleted.
    """
    for path in folder.iterdir() if folder.exists() else ():
        parsed = _NAME.fullmatch(path.name)
        if parsed is None or (name is not None and shortened(name, _ADDED_BYTES) != parsed["target"]):
            continue
        writer, target = int(parsed["pid"]), path.with_name(name or parsed["target"])
        if writer != os.getpid() and is_alive(writer):
            continue
        if parsed["old"] and not target.exists():
            path.rename(target)
        else:
            remove(path)


def remove(path: Path) -> None:
    """Delete a folder, a file or a link, if it exists and can be deleted."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
