"""The journal: one JSON object a line, appended as things happen, readable while a training runs and after a crash."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from translator.errors import ModelError
from translator.training.folders import cannot_write, write_file

TIMING_FIELDS = frozenset({"seconds"})
"""Fields that differ between two equal trainings."""


class Journal:
    """An open journal; use it as a context manager. One that is not kept takes records and forgets them."""

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        self.path, flags = path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            self.descriptor = os.open(path, flags, 0o666) if is_kept else None
        except OSError as error:
            raise cannot_write(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record. Floats are written exactly; what is not finite becomes null."""
        line = line_of(record)
        try:
            while self.descriptor is not None and line:
                line = line[os.write(self.descriptor, line) :]
        except OSError as error:
            raise cannot_write(self.path, error, len(line)) from error

    def sync(self) -> None:
        """Wait until the disk has it all."""
        if self.descriptor is not None:
            os.fsync(self.descriptor)


def line_of(record: Mapping[str, Any]) -> bytes:
    """A record as it is written."""
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()
    }
    return json.dumps(finite, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_journal(path: Path) -> tuple[list[dict[str, Any]], str | None]:
    """(the records, a notice if the last line was torn by a crash). Raises ModelError for any other damage."""
    if not path.exists():
        return [], None
    if not path.is_file():
        raise ModelError(str(path), "is not a regular file", "restore the journal, or remove it")
    *lines, torn = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("step", 0), int):
                raise ValueError("expected an object, at a step")
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path}:{number}", "is damaged", "restore the journal, or remove the line") from error
        records.append(record)
    return records, f"{path}: the last line is torn and not used" if torn else None


def truncate_after(path: Path, step: int, validated_step: int) -> None:
    """Forget what came after a step and the last validation before it, because training goes on from there."""
    records, torn = read_journal(path)
    kept = [
        record
        for record in records
        if record.get("step", 0) <= (validated_step if record.get("event") == "validation" else step)
    ]
    if len(kept) < len(records) or torn is not None:
        write_file(path, b"".join(line_of(record) for record in kept))
