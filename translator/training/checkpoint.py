"""Checkpoints: everything that a training needs to go on exactly, never unpickled.

    checkpoints/step-00000500/  model.safetensors, optimizer.safetensors, progress.json, manifest.json

The newest is found by looking; there is no pointer file. What is damaged is named, left in place and fallen back from.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from translator.errors import ModelError, NumericalError
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import find_damage
from translator.storage.temporary import remove, temporary_of
from translator.training.progress import Progress

MODEL, OPTIMIZER, PROGRESS = "model.safetensors", "optimizer.safetensors", "progress.json"
LONGEST_HEADER = 2**24
LONGEST_RECORD = 2**16


class Record(NamedTuple):
    """What progress.json says."""

    progress: Progress
    bleu: float | None  # of a validation at this very step
    in_passing: bool  # saved because the training was stopped, not because a checkpoint was due
    environment: dict[str, str]  # what must be equal for going on to be exact


class Checkpoint(NamedTuple):
    """A folder that passed its checks."""

    path: Path
    step: int
    bleu: float | None
    in_passing: bool = False


def save_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, record: Record) -> Checkpoint:
    """Save weights, moments, counts and random generators. Raises NumericalError for weights that are not finite."""
    step = record.progress.step
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise NumericalError(f"step {step}", f"{name} is not finite", "lower training.learning_rate")
    parts = {
        MODEL: save(unshared(model)),
        OPTIMIZER: save(optimizer_tensors(optimizer)),
        PROGRESS: json.dumps({**record._asdict(), "progress": asdict(record.progress)}, indent=1).encode(),
    }
    target = folder / f"step-{step:08d}"
    with new_folder(target, num_bytes=sum(map(len, parts.values()))) as temporary:
        for name, content in parts.items():
            write_part(temporary / name, content)
    return Checkpoint(target, step, record.bleu, record.in_passing)


def restore_checkpoint(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> Record:
    """Put everything back as `save_checkpoint` found it; the generators last, before anything is drawn.

    Raises ModelError where the parts are whole but those of another training.
    """
    place = checkpoint.path / OPTIMIZER
    load_parameters(model, read_parameters(checkpoint.path / MODEL), str(checkpoint.path / MODEL))
    tensors = read_parameters(place)
    random = {name: tensors.pop(name) for name in ("random", "random_cuda") if name in tensors}
    record = read_record(checkpoint.path)
    load_moments(optimizer, tensors, str(place), is_begun=record.progress.step > 0)
    try:
        torch.set_rng_state(random["random"])
        device = device_of(optimizer)
        if device.type == "cuda" and "random_cuda" in random:
            torch.cuda.set_rng_state(random["random_cuda"], device)
    except (KeyError, RuntimeError, TypeError) as error:
        raise ModelError(str(place), "holds no state of the random generator") from error
    return record


def load_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], place: str, *, is_begun: bool) -> None:
    """Give the optimizer its moments and counts. Raises ModelError naming the first that does not fit."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    shapes = {
        f"{index}.{key}": () if key == "step" else tuple(weight.shape)
        for index, weight in enumerate(weights)
        for key in ("step", "exp_avg", "exp_avg_sq")
    }
    check_shapes(tensors, shapes if is_begun else {}, place)
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        states.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's moments and counts by parameter number, and the states of the random generators."""
    states = optimizer.state_dict()["state"]
    tensors = {f"{index}.{key}": tensor for index, state in states.items() for key, tensor in state.items()}
    tensors["random"] = torch.get_rng_state()
    if (device := device_of(optimizer)).type == "cuda":
        tensors["random_cuda"] = torch.cuda.get_rng_state(device)
    return tensors


def device_of(optimizer: torch.optim.Optimizer) -> torch.device:
    """Where the weights are."""
    weight: Tensor = optimizer.param_groups[0]["params"][0]
    return weight.device


def unshared(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter once, tied ones under their first name."""
    return {name: weight.detach().contiguous() for name, weight in model.named_parameters()}


def read_parameters(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ModelError where it is none, before much of it is read."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST_HEADER:
                raise ValueError(f"a header of {length} bytes")
        return load(path.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(str(path), f"cannot be read as safetensors ({error})") from error


def read_record(folder: Path) -> Record:
    """What a checkpoint's progress.json says. Raises ModelError where that is nothing of ours."""
    path = folder / PROGRESS
    try:
        if path.stat().st_size > LONGEST_RECORD:
            raise ValueError("too long")
        record = TypeAdapter(Record).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(str(path), "cannot be read as the progress of a training") from error
    if folder.name != f"step-{record.progress.step:08d}":
        raise ModelError(str(path), f"is of step {record.progress.step}")
    return record


def load_parameters(model: nn.Module, weights: dict[str, Tensor], place: str) -> None:
    """Copy weights into a model. Raises ModelError naming the first tensor that does not fit, and both shapes."""
    check_shapes(weights, shapes_of(model), place)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(weights[name])


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter, tied ones under their first name."""
    return {name: tuple(weight.shape) for name, weight in model.named_parameters()}


def check_shapes(tensors: dict[str, Tensor], shapes: dict[str, tuple[int, ...]], place: str) -> None:
    """Raise ModelError unless these tensors are there, in these shapes, and no others."""
    for name in [*shapes, *(tensors.keys() - shapes.keys())]:
        found = tuple(tensors[name].shape) if name in tensors else "nothing"
        expected = shapes.get(name, "nothing")
        if found != expected:
            raise ModelError(place, f"weights of another model: {name} is {found}, expected {expected}")


def find_checkpoints(folder: Path, warn: Callable[[str], None]) -> list[Checkpoint]:
    """All undamaged checkpoints, oldest first; each damaged one is named to `warn` and left in place."""
    found = []
    for path in sorted(folder.glob("step-*")):
        reason = find_damage(path, MODEL, OPTIMIZER, PROGRESS)
        try:
            if reason is None:
                record = read_record(path)
                found.append(Checkpoint(path, record.progress.step, record.bleu, record.in_passing))
        except ModelError as error:
            reason = str(error)
        if reason is not None:
            warn(f"{path.name} is damaged and not used: {reason}")
    return found


def by_bleu(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Those that were due and have a score, the best last; of equal ones the newest."""
    scored = (one for one in checkpoints if one.bleu is not None and not one.in_passing)
    return sorted(scored, key=lambda one: (one.bleu or 0.0, one.step))


def prune(checkpoints: Iterable[Checkpoint], *, keep_last: int, keep_best: int) -> list[Checkpoint]:
    """Delete all but the newest and the best by BLEU, of those that were due; returns what is left, oldest first."""
    ordered = sorted(checkpoints, key=lambda one: one.step)
    due, scored = [one for one in ordered if not one.in_passing], by_bleu(ordered)
    kept = {*ordered[-1:], *due[-keep_last:], *scored[len(scored) - keep_best :]}
    for one in ordered:
        if one not in kept:
            one.path.rename(temporary_of(one.path))  # so that a kill leaves nothing that looks damaged
            remove(temporary_of(one.path))
    return [one for one in ordered if one in kept]
