"""Training runs to be interrupted, and a test of whether two runs are equal."""

import hashlib
import json
import random
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import Commands, Result, Running, leftovers

CLOCKED = {"finished_at", "seconds", "peak_memory_bytes"}
PERFORMER = [
    f"{table}.{key}"
    for table in ("encoder.self_attention", "decoder.self_attention")
    for key in ("mechanism=performer", "num_features=8", "redraw_every=4")
]
KINDS: dict[str, tuple[str, list[str]]] = {
    "recurrent": ("demo-additive", []),
    "transformer": ("demo", []),
    "performer": ("demo", PERFORMER),
    "side by side": ("demo", []),
}
"""A model kind's config and what makes it that kind; in the last one parts of a batch are computed by workers."""
WORKERS = {"side by side": 2}


EPOCHS = ["training.batch_tokens=1500", "training.average=3", "training.samples=1"]  # three epochs in twelve steps
PLACES = {
    "mid-epoch": [("translator.training.loop.Report", 2)],
    "epoch boundary": [("translator.training.loop.Report", -1)],  # the last update of the first epoch
    "inside validation": [("translator.jobs.train.run_loop.mean_cross_entropy", 1)],
    "inside a validation translation": [("translator.jobs.translate.engines.TorchEngine.search", 2)],
    "step 0": [("translator.jobs.train.run_loop.train", 1)],
    "last step": [("translator.training.loop.Report", 12)],
    "twice": [("translator.training.loop.Report", 4), ("translator.training.loop.Report", 3)],
    "inside accumulation": [("translator.training.objective.Objective.forward", 6)],
    "while saving": [("translator.training.checkpoint.write_part", 5)],
    "between saving and pruning": [("translator.jobs.train.run_loop.prune", 5)],  # the first call with one too many
    "while finishing": [("translator.jobs.train.final_parameters.write_part", 1)],
}
"""Where a signal comes, in one sitting or in two."""


def arguments(kind: str, output: Path | str, *overrides: str) -> list[str]:
    """The command that trains it."""
    name, special = KINDS[kind]
    settings = [*SETTINGS[name], *EPOCHS, *special, *overrides]
    return ["train", f"{name}.toml", *sets(*settings), "--output", str(output)]


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port: int = free.getsockname()[1]
        return port


def peer(rank: int, size: int, port: int) -> dict[str, str]:
    """Return the environment variables that torchrun sets for one of its processes."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
    return {"MASTER_ADDR": "localhost", **{name: str(number) for name, number in numbers.items()}}


class TrainingRuns:
    """Trains kinds of model on one small corpus; uninterrupted runs are made once."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        self.commands, self.folder = commands, folder
        self.seconds: dict[Path, float] = {}  # that uninterrupted runs took

    def start(
        self, kind: str, output: Path, *overrides: str, sabotage: Sequence[Sequence[object]] = (), **options: Any
    ) -> Running:
        """Start or resume training."""
        threads = ("call", "torch.set_num_threads", WORKERS.get(kind, 1))
        words = arguments(kind, output, *overrides)
        return self.commands.start(self.folder, *words, sabotage=[threads, *sabotage], **options)

    def run(self, kind: str, output: Path, *overrides: str, **options: Any) -> Result:
        """Start or resume training and wait for the end."""
        return self.start(kind, output, *overrides, **options).wait()

    def several(
        self, kind: str, output: Path, *overrides: str, size: int = 2, last: Sequence[str] = (), **options: Any
    ) -> list[Running]:
        """Start or resume in several processes, as torchrun does; `last` overrides and `options` are for the last one."""
        port, started = free_port(), []
        for rank in range(size):
            more, given = (last, options) if rank == size - 1 else ((), {})
            environment = peer(rank, size, port)
            started.append(self.start(kind, output, *overrides, *more, environment=environment, **given))
        return started

    def whole(self, kind: str, *overrides: str) -> Path:
        """Return an uninterrupted run."""
        digest = hashlib.sha256(repr((kind, overrides)).encode()).hexdigest()[:8]
        output = self.folder / "whole" / f"{kind}-{digest}"
        if output not in self.seconds:
            began = time.monotonic()
            done = self.run(kind, output, *overrides)
            assert done.code == 0, done.error_text
            self.seconds[output] = time.monotonic() - began
        return output

    def interrupted(self, kind: str, output: Path, place: str, number: int, *overrides: str) -> None:
        """Return a run that was stopped by a signal at a place and then resumed to its end."""
        for where, nth in PLACES[place]:
            nth = self.epoch_length(kind, *overrides) if nth < 0 else nth
            done = self.run(kind, output, *overrides, sabotage=[("send", int(number), where, nth)])
            assert done.code == (-number if number == signal.SIGKILL else 128 + number), done.error_text
        done = self.run(kind, output, *overrides)
        assert done.code == 0, done.error_text

    def epoch_length(self, kind: str, *overrides: str) -> int:
        """Updates of the first epoch."""
        records = journal(self.whole(kind, *overrides))
        return sum(record["event"] == "update" and record["epoch"] == 0 for record in records)


def killed_at_random(runs: TrainingRuns, kind: str, folder: Path, *, kills: int, seed: int) -> None:
    """Train runs that are killed several times at random moments, and check that they equal an uninterrupted run."""
    draw, done, run = random.Random(seed), 0, folder / "0"
    whole = runs.whole(kind)
    while done < kills:
        is_new, began = not run.exists(), time.monotonic()
        training = runs.start(kind, run)
        training.wait_at_most(draw.uniform(0, 0.8) * runs.seconds[whole])
        training.send(signal.SIGKILL)
        code, seconds = training.wait().code, time.monotonic() - began
        assert code in (0, -signal.SIGKILL)
        done += code != 0
        if code == 0:
            assert_equal(run, whole)
            run = folder / str(done)
            if is_new:  # the machine may have been busier when the uninterrupted run was timed
                runs.seconds[whole] = min(runs.seconds[whole], seconds)
    assert runs.run(kind, run).code == 0
    assert_equal(run, whole)
    assert leftovers(folder) == []


def facts(run: Path) -> dict[str, Any]:
    """Everything about a run that must not depend on interruptions: every number of the journal, every byte of the parameters."""
    found: dict[str, Any] = {"journal": journal(run)}
    for path in sorted([*run.glob("final/*.safetensors"), *run.glob("checkpoints/*/*.safetensors")]):
        found[path.relative_to(run).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted([run / "final/finished.json", *run.glob("checkpoints/*/progress.json")]):
        found[path.relative_to(run).as_posix()] = unclocked(json.loads(path.read_bytes()))
    return found


def journal(run: Path) -> list[dict[str, Any]]:
    """The journal's records without their times."""
    return [unclocked(json.loads(line)) for line in (run / "journal.jsonl").read_text("utf-8").splitlines()]


def losses(run: Path) -> list[float]:
    """The loss of every update."""
    return [record["loss"] for record in journal(run) if record["event"] == "update"]


def unclocked(value: Any) -> Any:
    """Return the value without times, floats as hex."""
    if isinstance(value, dict):
        return {key: unclocked(inner) for key, inner in value.items() if key not in CLOCKED}
    if isinstance(value, list):
        return [unclocked(inner) for inner in value]
    return value.hex() if isinstance(value, float) else value


def assert_equal(found: Path, expected: Path, steps: Sequence[int] = range(1, 13)) -> None:
    """Check that two runs are equal and that every step is in the journal once."""
    one, other = facts(found), facts(expected)
    assert [record["step"] for record in one["journal"] if record["event"] == "update"] == list(steps)
    for key in sorted({*one, *other}):
        assert one.get(key) == other.get(key), key
