"""The laws of mutants: a changed file of a run folder is rejected or skipped, and never changes a translation.

A record whose hashes were made to fit is refused, or what changed in it does not matter.
"""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import translator
from tests.faults.harness import reseal
from translator.cli.console import as_json
from translator.config import Config
from translator.errors import DataError, ModelError
from translator.jobs.compare.evaluate import RunFacts, leaked_lines
from translator.jobs.show.watch import WatchedRun
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.train.final_parameters import is_done
from translator.jobs.train.prepare import reopen
from translator.runs.folder import CONFIG, RECORD, RunFolder
from translator.runs.lookup import latest_run
from translator.storage.manifest import MANIFEST
from translator.training.checkpoint import find_checkpoints
from translator.training.journal import read_journal

LINES = ["a dog sleeps", "", "the old man reads a book"]
MISSING = object()
VALUES = st.just(MISSING) | st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, 2**63, -1])
    | st.floats()
    | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
"""What may be in a record instead of a value."""
CHECKPOINT = "checkpoints/step-00000012"
RECORDS = [
    *("run.json", "manifest.json", "final/finished.json", "final/manifest.json", "journal.jsonl"),
    *(f"{CHECKPOINT}/progress.json", f"{CHECKPOINT}/manifest.json", "prepared/about.json", "prepared/manifest.json"),
]


def mutant(content: bytes, draw: random.Random) -> bytes:
    """Return the content with one random change."""
    place = draw.randrange(len(content) + 1)
    kind = draw.choice(["bit", "byte", "insert", "delete", "cut", "zeros", "twice", "swap"])
    if kind in ("bit", "byte", "delete", "swap") and place < len(content):
        byte = content[place] ^ (1 << draw.randrange(8)) if kind == "bit" else draw.randrange(256)
        new = {"delete": b"", "swap": content[place : place + 2][::-1]}.get(kind, bytes([byte]))
        return content[:place] + new + content[place + (2 if kind == "swap" else 1) :]
    changed = {"cut": content[:place], "zeros": content[:place] + bytes(len(content) - place), "twice": content * 2}
    return changed.get(kind, content[:place] + bytes([draw.randrange(256)]) + content[place:])


def fixed_files(run: Path) -> list[Path]:
    """Return the files that translating depends on."""
    outside = {"journal.jsonl", "pairs.u64", "prepared", "checkpoints"}
    return sorted(path for path in run.rglob("*") if path.is_file() and not outside & {*path.relative_to(run).parts})


def check_translation(run: Path, path: Path, *, count: int, seed: int) -> int:
    """Mutate one file `count` times; returns how often the change was rejected."""
    expected, content, draw = (
        translator.load(run).translate(LINES),
        path.read_bytes(),
        random.Random(f"{path.name} {seed}"),
    )
    refused = 0
    for _ in range(count):
        path.write_bytes(changed := mutant(content, draw))
        try:
            assert translator.load(run).translate(LINES) == expected, changed
        except ModelError:
            assert changed != content
            refused += 1
    path.write_bytes(content)
    return refused


def check_checkpoints(run: Path, path: Path, *, count: int, seed: int) -> None:
    """Mutate a file of the newest checkpoint `count` times; the previous checkpoint is used instead, with one warning."""
    whole, content, draw = find_checkpoints(run / "checkpoints", print), path.read_bytes(), random.Random(seed)
    for _ in range(count):
        warnings: list[str] = []
        path.write_bytes(changed := mutant(content, draw))
        try:
            found = find_checkpoints(run / "checkpoints", warnings.append)
        except ModelError:  # the manifest of a newer version
            assert path.name == "manifest.json"
            continue
        assert found == whole or (found == whole[:-1] and len(warnings) == 1), changed
        assert found == whole[:-1] or changed == content or path.name == "manifest.json"
    path.write_bytes(content)


def check_journal(run: Path, *, count: int, seed: int) -> None:
    """Mutate the journal `count` times; it is read or refused."""
    path, draw = run / "journal.jsonl", random.Random(seed)
    content = path.read_bytes()
    for _ in range(count):
        path.write_bytes(mutant(content, draw))
        with contextlib.suppress(ModelError):
            read_journal(path)
    path.write_bytes(content)


def places(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the path to every value inside a record."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (key,)
        yield from ((key, *rest) for rest in places(part))


def change(record: Any, place: tuple[str | int, ...], new: object) -> None:
    """Replace the value at a place, or remove it if `new` is MISSING."""
    *outer, last = place
    for key in outer:
        record = record[key]
    if new is MISSING:
        del record[last]
    else:
        record[last] = new


def check_record(run: RunFolder, name: str, config: Config, *, count: int, seed: int) -> int:
    """Change one value of a record `count` times, with hashes that fit, and read it as every command does."""
    path, expected = run.path / name, translator.load(run).translate(LINES)
    content, log = path.read_bytes(), name == "journal.jsonl"
    records = content.splitlines() if log else [content]

    @hypothesis.seed(seed)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def law(data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(records) - 1))
        record = json.loads(records[index])
        change(record, data.draw(st.sampled_from(list(places(record)))), data.draw(VALUES))
        changed = [*records[:index], json.dumps(record).encode(), *records[index + 1 :]]
        path.write_bytes(b"\n".join(changed) + b"\n" * log)
        reseal_above(run, path)
        with contextlib.suppress(ModelError):
            assert translator.load(run).translate(LINES) == expected, record
        for use in readers(run, config):
            with contextlib.suppress(ModelError, DataError):
                use()

    law()
    path.write_bytes(content)
    reseal_above(run, path)
    return count


def reseal_above(run: RunFolder, path: Path) -> None:
    """Write hashes that fit the present content into the manifests of the folders with this file, unless it is one itself."""
    if path.name != MANIFEST and path.parent != run.path:
        reseal(path.parent)
    elif path.name in (RECORD, CONFIG):
        reseal(run.path)


def readers(run: RunFolder, config: Config) -> list[Callable[[], object]]:
    """Read the records of a run as the other commands do."""
    return [
        lambda: as_json(RunFacts.of(run)),
        lambda: "{steps:,} {num_parameters:,} {training_seconds:.0f}".format(**RunFacts.of(run)._asdict()),
        lambda: leaked_lines(run, run.split("test")),
        lambda: is_done(run, config),
        lambda: latest_run(run.path.parent),
        lambda: encoded_pairs(reopen(config, run, lambda _: None), lambda _: None),
        lambda: find_checkpoints(run.checkpoints, lambda _: None),
        lambda: WatchedRun(run).refresh(),
    ]
