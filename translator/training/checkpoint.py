"""Checkpoints: folders that are complete or not there, checked by hash, and never unpickled.

    checkpoints/step-00000500/  model.safetensors, optimizer.safetensors, progress.json, manifest.json

All parts are written into `.tmp-...` beside the target and flushed, the manifest last; one rename gives the folder its name.
The newest is found by looking; there is no pointer file.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from translator.errors import MachineError, ModelError
from translator.training.loop import Progress

FORMAT = 1
MODEL, OPTIMIZER, PROGRESS, MANIFEST = "model.safetensors", "optimizer.safetensors", "progress.json", "manifest.json"


class Checkpoint(NamedTuple):
    """A folder that passed its checks."""

    path: Path
    step: int
    bleu: float | None  # of the last validation, if that was at this very step


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes it, complete with a manifest, if the block ends well."""
    temporary = target.parent / f".tmp-{target.name}-{os.getpid()}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        write_manifest(temporary)
        sync(temporary)
        if target.exists():
            target.rename(temporary.with_name(f"{temporary.name}-old"))
        temporary.rename(target)
        sync(target.parent)
    except OSError as error:
        raise MachineError(
            str(target), f"cannot be written ({error.strerror})", "free some space or choose another folder"
        ) from error
    finally:
        for leftover in temporary.parent.glob(f".tmp-{target.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Replace a file by one that is complete."""
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    write_part(temporary, content)
    temporary.replace(path)
    sync(path.parent)


def write_part(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Wait until the disk has a folder's names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path) -> None:
    """Record size and SHA-256 of every part."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in files
    }
    write_part(folder / MANIFEST, json.dumps({"format": FORMAT, "parts": parts}, indent=1).encode())


def damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint folder, or None."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] > FORMAT:
            return f"written in format {manifest['format']}, this program knows {FORMAT}; upgrade it"
        for name, part in manifest["parts"].items():
            if Path(name).is_absolute() or ".." in Path(name).parts or (folder / name).is_symlink():
                return f"illegal path {name!r} in {MANIFEST}"
            content = (folder / name).read_bytes()
            if len(content) != part["bytes"]:
                return f"{name} has {len(content)} bytes, expected {part['bytes']}"
            if hashlib.sha256(content).hexdigest() != part["sha256"]:
                return f"{name} is not what was written (SHA-256 differs)"
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{MANIFEST} is damaged"
    return None


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, *, progress: Progress, bleu: float | None
) -> Checkpoint:
    """Save everything that training needs to go on exactly: weights, moments, counts and the random generator."""
    target = folder / f"step-{progress.step:08d}"
    if not target.exists() or damage(target):
        with new_folder(target) as temporary:
            write_part(temporary / MODEL, save(unshared(model)))
            write_part(temporary / OPTIMIZER, save(optimizer_tensors(optimizer)))
            write_part(temporary / PROGRESS, json.dumps({**asdict(progress), "bleu": bleu}).encode())
    return Checkpoint(target, progress.step, bleu)


def restore_checkpoint(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put everything back as `save_checkpoint` found it; the generator last, before anything is drawn."""
    load_weights(model, read_weights(checkpoint.path / MODEL), str(checkpoint.path / MODEL))
    tensors = read_weights(checkpoint.path / OPTIMIZER)
    random_state = tensors.pop("random")
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        states.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    record = json.loads((checkpoint.path / PROGRESS).read_bytes())
    del record["bleu"]
    torch.set_rng_state(random_state)
    return Progress(**record)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's moments and counts by parameter number, and the state of the CPU's generator."""
    states = optimizer.state_dict()["state"]
    tensors = {f"{index}.{key}": tensor for index, state in states.items() for key, tensor in state.items()}
    return {**tensors, "random": torch.get_rng_state()}


def unshared(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter once, tied ones under their first name."""
    return {name: weight.detach().contiguous() for name, weight in model.named_parameters()}


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ModelError where it is none."""
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(str(path), f"cannot be read as safetensors ({error})") from error


def load_weights(model: nn.Module, weights: dict[str, Tensor], place: str) -> None:
    """Copy weights into a model. Raises ModelError naming the first tensor that does not fit, and both shapes."""
    own = dict(model.named_parameters())
    for name in [*own, *(weights.keys() - own.keys())]:
        found = tuple(weights[name].shape) if name in weights else "nothing"
        expected = tuple(own[name].shape) if name in own else "nothing"
        if found != expected:
            raise ModelError(place, f"weights of another model: {name} is {found}, expected {expected}")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])


def find_checkpoints(folder: Path, warn: Callable[[str], None]) -> list[Checkpoint]:
    """All undamaged checkpoints, oldest first; each damaged one is named to `warn` and left in place."""
    found = []
    for path in sorted(folder.glob("step-*")):
        if reason := damage(path):
            warn(f"{path.name} is damaged and not used: {reason}")
        else:
            record = json.loads((path / PROGRESS).read_bytes())
            found.append(Checkpoint(path, record["step"], record["bleu"]))
    return found


def prune(checkpoints: Iterable[Checkpoint], *, keep_last: int, keep_best: int) -> list[Checkpoint]:
    """Delete all but the newest and the best by BLEU; returns what is left, oldest first."""
    ordered = sorted(checkpoints, key=lambda one: one.step)
    scored = sorted((one for one in ordered if one.bleu is not None), key=lambda one: (one.bleu or 0.0, one.step))
    kept = {*ordered[-keep_last:], *scored[len(scored) - keep_best :]}
    for one in ordered:
        if one not in kept:
            shutil.rmtree(one.path, ignore_errors=True)
    return [one for one in ordered if one in kept]
