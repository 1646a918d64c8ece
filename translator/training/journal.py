"""The journal: one JSON object a line, appended as things happen, readable while a training runs and after a crash."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from translator.errors import ModelError
from translator.storage.files import disk_error, write_file


class Journal:
    """An open journal; use it as a context manager. One that is not kept takes records and forgets them."""

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        self.path, flags = path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            self.descriptor = os.open(path, flags, 0o666) if is_kept else None
        except OSError as error:
            raise disk_error(path, error) from error

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
            raise disk_error(self.path, error, len(line)) from error

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


class Shape(BaseModel):
    """What a record must have, beside being such that it can be written again."""

    model_config = ConfigDict(strict=True)
    step: int = Field(ge=0, lt=2**53)
    samples: list[dict[str, str]] = []


class JournalReader:
    """Reads a journal, also one that another process is writing: each time what came since the last time.

    A training that goes on from an earlier step puts a shorter journal in its place; `forget` is called before that is read.
    """

    def __init__(self, path: Path, forget: Callable[[], None]) -> None:
        self.path, self.forget = path, forget
        self.position = self.number = self.step = 0
        self.identity: tuple[int, int] | None = None
        self.is_torn = False  # the last line has no end, be it because of a crash or because it is just being written

    def read(self) -> Iterator[dict[str, Any]]:
        """The new records, as far as their lines are whole. Raises ModelError for any other damage."""
        if not self.path.exists():
            self.begin_anew(None)
            return
        if not self.path.is_file():
            raise ModelError(str(self.path), "is not a regular file", "restore the journal, or remove it")
        with self.path.open("rb") as file:
            found = os.fstat(file.fileno())
            if (found.st_dev, found.st_ino) != self.identity or found.st_size < self.position:
                self.begin_anew((found.st_dev, found.st_ino))
            file.seek(self.position)
            for line in iter(file.readline, b""):
                self.is_torn = not line.endswith(b"\n")
                if self.is_torn:
                    return
                self.position, self.number = self.position + len(line), self.number + 1
                yield self.record_of(line)

    def begin_anew(self, identity: tuple[int, int] | None) -> None:
        """Another file is the journal now."""
        self.position, self.number, self.step, self.identity, self.is_torn = 0, 0, 0, identity, False
        self.forget()

    def record_of(self, line: bytes) -> dict[str, Any]:
        """A line's record, which a `Journal` can hold after the one before: steps never fall."""
        try:
            record: dict[str, Any] = json.loads(line)
            json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
            before, self.step = self.step, Shape.model_validate(record).step
            if self.step < before:
                raise ValueError("expected a later step")
        except (ValueError, RecursionError) as error:
            place = f"{self.path}:{self.number}"
            raise ModelError(place, "is damaged", "restore the journal, or remove the line") from error
        return record


def read_journal(path: Path) -> tuple[list[dict[str, Any]], str | None]:
    """(the records, a notice if the last line was torn by a crash). Raises ModelError for any other damage."""
    records: list[dict[str, Any]] = []
    reader = JournalReader(path, records.clear)
    records.extend(reader.read())
    return records, f"{path}: the last line is torn and not used" if reader.is_torn else None


def truncate_after(path: Path, step: int, validated_step: int) -> None:
    """Forget what came after a step and the last validation before it, because training goes on from there."""
    records, torn = read_journal(path)
    kept = [
        record
        for record in records
        if record["step"] <= (validated_step if record.get("event") == "validation" else step)
    ]
    if len(kept) < len(records) or torn is not None:
        write_file(path, b"".join(line_of(record) for record in kept))
