"""The journal of a run: one JSON object per line, appended as things happen.

It can be read while training runs, by any process, and after a crash: only the last line may be incomplete.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import from_json

from translator.errors import MachineError, ModelError
from translator.storage.files import append, write_errors, write_file
from translator.training.progress import Report, Validation

JournalEvent: TypeAlias = Report | Validation

_MAX_LINE_BYTES = 2**26
_EVENTS: dict[str, type[JournalEvent]] = {"update": Report, "validation": Validation}
_READERS: dict[str, TypeAdapter[JournalEvent]] = {
    name: TypeAdapter(kind, config=ConfigDict(strict=True)) for name, kind in _EVENTS.items()
}


class Journal:
    """An open journal, used as a context manager. If `is_kept` is false, events are dropped.

    Training does not depend on its journal. If the disk refuses an event, the event waits in memory until it can be written. If
    the file was deleted or replaced, it is written again. `warn` is told of both, and of a file that was shortened.
    """

    def __init__(self, path: Path, warn: Callable[[str], None], *, is_kept: bool = True) -> None:
        self._path, self._warn = path, warn
        self._waiting: list[bytes] = []
        self.is_failing = False
        self._num_bytes = 0  # of the file after the last write
        with write_errors(path):
            self._descriptor = self._open() if is_kept else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._descriptor is None:
            return
        if self._waiting:
            self._write_waiting(self._descriptor)
        if self._waiting:
            self._warn(f"{self._path}: the last {len(self._waiting):,} events could not be written and are lost")
        with suppress(OSError):
            os.close(self._descriptor)

    def write(self, event: JournalEvent) -> None:
        """Append an event. Numbers are written exactly, except that NaN and infinity become null."""
        if self._descriptor is not None:
            self._waiting.append(_line_of(event))
            self._write_waiting(self._descriptor)

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        if self._descriptor is not None and not self.is_failing:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                self._warn(f"{self._path}: may not have reached the disk ({error.strerror})")

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)

    def _write_waiting(self, descriptor: int) -> None:
        """Write all waiting events, or none."""
        try:
            with write_errors(self._path):
                if not _has_name(descriptor, self._path):
                    descriptor = self._replace(descriptor)
                self._recover_from_truncation(descriptor)
                append(descriptor, b"".join(self._waiting))
                self._num_bytes = os.fstat(descriptor).st_size
        except MachineError as error:
            if not self.is_failing:
                self._warn(
                    f"{error.place}: {error.problem}; training continues, and the journal is written when possible"
                )
            self.is_failing = True
            return
        self._waiting.clear()
        self.is_failing = False

    def _replace(self, descriptor: int) -> int:
        """Write the journal again from the open file, which has lost its name, and return the new file."""
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            write_file(self._path, file.read())
        self._warn(f"{self._path}: was deleted or replaced during training, and has been written again")
        self._descriptor = self._open()
        os.close(descriptor)
        return self._descriptor

    def _recover_from_truncation(self, descriptor: int) -> None:
        """Remove what another program left of a line when it shortened the file."""
        size = os.fstat(descriptor).st_size
        if size < self._num_bytes:
            os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)
            self._warn(f"{self._path}: was shortened during training; events before this step are missing")


def _has_name(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


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
        if self.path.exists() and not self.path.is_file():  # opening a pipe would wait for a writer
            raise ModelError(str(self.path), "is not a regular file", "restore the journal, or remove it")
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            self._start_over(None)
            return
        with file:
            status = os.fstat(file.fileno())
            # Another file has this name now, or the file has become shorter.
            if (status.st_dev, status.st_ino) != self._identity or status.st_size < self._position:
                self._start_over((status.st_dev, status.st_ino))
            file.seek(self._position)
            for line in iter(lambda: file.readline(_MAX_LINE_BYTES), b""):
                if len(line) == _MAX_LINE_BYTES:
                    raise ModelError(f"{self.path}:{self._line + 1}", "is damaged", "restore the journal")
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
    """Remove the updates after `step` and the validations after `validated_step`, because training resumes from there."""
    events, is_torn = read_journal(path)
    kept = [event for event in events if event.step <= (validated_step if isinstance(event, Validation) else step)]
    if len(kept) < len(events) or is_torn:
        write_file(path, b"".join(map(_line_of, kept)))
