"""The journal: one JSON object a line, appended as things happen, readable while a training runs and after a crash."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from translator.errors import ModelError

TIMING_FIELDS = frozenset({"seconds"})
"""Fields that differ between two equal trainings."""


class Journal:
    """An open journal; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.file.close()

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record. Floats are written exactly; what is not finite becomes null."""
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        self.file.write(json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n")
        self.file.flush()


def read_journal(path: Path) -> tuple[list[dict[str, Any]], str | None]:
    """(the records, a notice if the last line was torn by a crash). Raises ModelError for any other damage."""
    if not path.exists():
        return [], None
    *lines, torn = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("expected an object")
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path}:{number}", "is damaged", "restore the journal, or remove the line") from error
        records.append(record)
    return records, f"{path}: the last line is torn and not used" if torn else None


def truncate_after(path: Path, step: int) -> None:
    """Forget what came after a step, because training goes on from there."""
    records, torn = read_journal(path)
    kept = [record for record in records if record.get("step", 0) <= step]
    if len(kept) == len(records) and torn is None:
        return
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    with Journal(temporary) as journal:
        for record in kept:
            journal.write(record)
    temporary.replace(path)
