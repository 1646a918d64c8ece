"""The journal of a run: one JSON object per line, appended as things happen.

It can be read while training runs, by any process, and after a crash: only the last line may be incomplete.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import from_json

from translator.errors import ModelError
from translator.storage.files import disk_error, write_file
from translator.training.progress import Report, Validation

JournalEvent: TypeAlias = Report | Validation

_EVENTS: dict[str, type[JournalEvent]] = {"update": Report, "validation": Validation}
_READERS: dict[str, TypeAdapter[JournalEvent]] = {
    name: TypeAdapter(kind, config=ConfigDict(strict=True)) for name, kind in _EVENTS.items()
}


class Journal:
    """An open journal; use it as a context manager. If it is not kept, it accepts events and drops them."""

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        self._path, flags = path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            self._descriptor = os.open(path, flags, 0o666) if is_kept else None
        except OSError as error:
            raise disk_error(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def write(self, event: JournalEvent) -> None:
        """Append an event. Numbers are written exactly, except that NaN and infinity become null."""
        line = _line_of(event)
        try:
            while self._descriptor is not None and line:
                line = line[os.write(self._descriptor, line) :]
        except OSError as error:
            raise disk_error(self._path, error, len(line)) from error

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)


def _line_of(event: JournalEvent) -> bytes:
    name = next(name for name, kind in _EVENTS.items() if isinstance(event, kind))
    record = {"event": name, **_plain(event)}
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: NamedTuples become objects, numbers that are not finite become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return {key: _plain(inner) for key, inner in value._asdict().items()} if hasattr(value, "_asdict") else value


class JournalReader:
    """Reads a journal that another process may be writing, each time what was added since the last time.

    When training resumes from an earlier step, a shorter journal takes the place of the old one; `forget` is called
    before that is read.
    """

    def __init__(self, path: Path, forget: Callable[[], None]) -> None:
        self.path, self._forget = path, forget
        self.is_torn = False  # the last line has no end: after a crash, or because it is being written
        self._position = self._line = self._step = 0
        self._identity: tuple[int, int] | None = None

    def read(self) -> Iterator[JournalEvent]:
        """Yield the new events whose lines are complete. Raises ModelError for any other damage."""
        if not self.path.exists():
            self._start_over(None)
            return
        if not self.path.is_file():
            raise ModelError(str(self.path), "is not a regular file", "restore the journal, or remove it")
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino) != self._identity or status.st_size < self._position:
                self._start_over((status.st_dev, status.st_ino))
            file.seek(self._position)
            for line in iter(file.readline, b""):
                self.is_torn = not line.endswith(b"\n")
                if self.is_torn:
                    return
                self._position, self._line = self._position + len(line), self._line + 1
                yield self._event_of(line)

    def _start_over(self, identity: tuple[int, int] | None) -> None:
        """Read from the start of another file."""
        self._position, self._line, self._step, self._identity, self.is_torn = 0, 0, 0, identity, False
        self._forget()

    def _event_of(self, line: bytes) -> JournalEvent:
        """Parse a line. Raises ModelError unless a `Journal` can have written it after the line before."""
        try:
            record = from_json(line, allow_inf_nan=False)
            event = _READERS[record.pop("event")].validate_python(record)
            if event.step < self._step:
                raise ValueError("steps never decrease")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            place = f"{self.path}:{self._line}"
            raise ModelError(place, "is damaged", "restore the journal, or remove the line") from error
        self._step = event.step
        return event


class JournalContent(NamedTuple):
    """All events of a journal."""

    events: list[JournalEvent]
    is_torn: bool  # the last line is incomplete and left out


def read_journal(path: Path) -> JournalContent:
    """Read a whole journal. Raises ModelError if any but the last line is damaged."""
    events: list[JournalEvent] = []
    reader = JournalReader(path, events.clear)
    events.extend(reader.read())
    return JournalContent(events, reader.is_torn)


def truncate_after(path: Path, step: int, validated_step: int) -> None:
    """Remove the updates after a step and the validations after another one, because training resumes from there."""
    events, is_torn = read_journal(path)
    kept = [event for event in events if event.step <= (validated_step if isinstance(event, Validation) else step)]
    if len(kept) < len(events) or is_torn:
        write_file(path, b"".join(map(_line_of, kept)))
