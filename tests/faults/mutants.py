"""The laws of mutants: a changed file of a run folder is rejected or skipped, and never changes a translation.

A record whose hashes were made to fit is refused, or what changed in it does not matter.
"""

import contextlib
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import translator
from tests.faults.harness import reseal
from translator.cli.console import as_json
from translator.config import Config
from translator.errors import ModelError, UsageError
from translator.jobs.compare.evaluate import RunFacts, leaked_lines
from translator.jobs.train.final_parameters import is_done
from translator.jobs.train.prepare import reopen
from translator.runs.folder import RunFolder
from translator.runs.lookup import latest_run
from translator.training.checkpoint import find_checkpoints
from translator.training.journal import read_journal

LINES = ["a dog sleeps", "", "the old man reads a book"]
OTHERS = [None, True, -1, 10**400, 0.5, math.inf, "x", "\ud800", [], [[]], {}, {"x": {}}]
RECORDS = ["run.json", "final/finished.json"]


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


def retyped(value: Any) -> Iterator[Any]:
    """Every copy of a record in which one value is missing or of another kind."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: one for name, one in value.items() if name != key}
            for other in (*OTHERS, *retyped(inner)):
                yield {**value, key: other}


def check_record(run: RunFolder, name: str, config: Config, *, count: int, seed: int) -> int:
    """Retype a record up to `count` times, with hashes that fit, and read it as every command does."""
    path, expected = run.path / name, translator.load(run).translate(LINES)
    content = path.read_bytes()
    variants = list(retyped(json.loads(content)))
    random.Random(seed).shuffle(variants)
    for variant in variants[:count]:
        path.write_text(json.dumps(variant))
        reseal_all(run)
        with contextlib.suppress(ModelError):
            assert translator.load(run).translate(LINES) == expected, variant
        for use in readers(run, config):
            with contextlib.suppress(ModelError, UsageError):
                use()
    path.write_bytes(content)
    reseal_all(run)
    return len(variants[:count])


def readers(run: RunFolder, config: Config) -> list[Callable[[], object]]:
    """Read the records of a run as the other commands do."""
    return [
        lambda: as_json(RunFacts.of(run)),
        lambda: "{steps:,} {num_parameters:,} {training_seconds:.0f}".format(**RunFacts.of(run)._asdict()),
        lambda: leaked_lines(run, run.split("test")),
        lambda: is_done(run, config),
        lambda: latest_run(run.path.parent),
        lambda: reopen(config, run, lambda _: None),
    ]


def reseal_all(run: RunFolder) -> None:
    """Write hashes that fit the present content."""
    for folder in (run.final, run.path):
        reseal(folder)
