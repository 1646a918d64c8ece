"""The manifest of a folder: size and SHA-256 of each of its files, so that damage is noticed before anything is used."""

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from translator.errors import ModelError
from translator.storage.files import write_part
from translator.version import __version__

MANIFEST = "manifest.json"
_FORMAT = 1
_MAX_BYTES = 2**20


class _Part(BaseModel):
    """One file of a folder."""

    model_config = ConfigDict(frozen=True, strict=True)
    bytes: Annotated[int, Field(ge=0, lt=2**63)]
    sha256: str


class _Manifest(BaseModel):
    """All files of a folder, by their paths in it."""

    model_config = ConfigDict(frozen=True, strict=True)
    format: Annotated[int, Field(ge=1, lt=2**31)]
    translator: str = "?"
    parts: dict[str, _Part]


def write_manifest(folder: Path) -> None:
    """Record every file in a folder."""
    parts = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts[path.relative_to(folder).as_posix()] = _Part(bytes=path.stat().st_size, sha256=_sha256(path))
    manifest = _Manifest(format=_FORMAT, translator=__version__, parts=parts)
    write_part(folder / MANIFEST, manifest.model_dump_json(indent=1).encode())


def find_damage(
    folder: Path,
    *expected: str,
    unread: Collection[str] = (),
    removable: Collection[str] = (),
    max_bytes: Mapping[str, int] = MappingProxyType({}),
    check: Callable[[], str | None] = lambda: None,
) -> str | None:
    """Return what is wrong with a folder that should have the parts `expected`, or None if it is as it was written.

    `unread` names parts that are not checked, because they are large and not used now; `removable` names folders that may
    have been deleted as a whole. Since hashing a huge file takes minutes, `max_bytes` limits the size of parts, and `check`
    is called before anything is hashed, and may return a reason. Raises ModelError for a folder that a later version of this
    program wrote.
    """
    try:
        listed = _read_manifest(folder).parts
        # Only a folder that is gone as a whole may be missing.
        removed = tuple(f"{name}/" for name in removable if not os.path.lexists(folder / name))
        parts = {name: listed[name] for name in listed if name not in unread and not name.startswith(removed)}
        for name, part in parts.items():
            if reason := _find_wrong_file(folder, name, part, max_bytes.get(name)):
                return reason
        if missing := [name for name in expected if name not in listed]:
            return f"{MANIFEST} does not list {missing[0]}"
        if reason := check():
            return reason
        for name, part in parts.items():
            if _sha256(folder / name) != part.sha256:
                return f"{name} has changed since it was written (SHA-256 differs)"
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {error.strerror}"
    except ValueError:
        return f"{MANIFEST} is damaged"
    return None


def lists(folder: Path, name: str) -> bool:
    """Return whether the manifest lists a part. Raises ModelError if the manifest is damaged."""
    try:
        return name in _read_manifest(folder).parts
    except (OSError, ValueError) as error:
        raise ModelError(str(folder / MANIFEST), "is damaged", "restore the folder") from error


def recorded_hash(folder: Path, name: str) -> str:
    """Return the SHA-256 of a part as the manifest has it. Raises ModelError if the manifest is damaged."""
    try:
        return _read_manifest(folder).parts[name].sha256
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(str(folder / MANIFEST), "is damaged", "restore the folder") from error


def _read_manifest(folder: Path) -> _Manifest:
    """Raise OSError or ValueError for a damaged manifest, ModelError for one of a later version."""
    path = folder / MANIFEST
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:  # before a pipe or a huge file is read
        raise ValueError("not a manifest")
    manifest = _Manifest.model_validate_json(path.read_bytes())
    if manifest.format > _FORMAT:
        written = f"written by translator {manifest.translator} in format {manifest.format}"
        problem = f"{written}, this is {__version__}, which reads format {_FORMAT}"
        raise ModelError(str(folder), problem, "upgrade translator")
    return manifest


def _find_wrong_file(folder: Path, name: str, part: _Part, max_bytes: int | None) -> str | None:
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or path.resolve() != folder.resolve() / name:
        return f"illegal path {name!r} in {MANIFEST}"
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return f"{name} is not a file"
    if status.st_size != part.bytes:
        return f"{name} has {status.st_size} bytes, expected {part.bytes}"
    if max_bytes is not None and part.bytes > max_bytes:
        return f"{name} has {part.bytes} bytes, expected at most {max_bytes}"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
