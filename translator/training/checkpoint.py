"""Checkpoints: everything that a run needs to resume exactly, in files that are never unpickled.

    checkpoints/step-00000500/  model.safetensors, optimizer.safetensors, progress.json, manifest.json,
                                and average.safetensors if a moving average is kept

The newest checkpoint is found by listing the folder; no file points to it. A damaged checkpoint is reported and skipped;
training resumes from the previous one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
import torch
from pydantic import ConfigDict, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from translator.errors import ModelError, NumericalError
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import find_damage
from translator.storage.temporary import remove, temporary_of
from translator.training.optimizers import MovingAverage, state_shapes
from translator.training.progress import Progress

MODEL, OPTIMIZER, PROGRESS = "model.safetensors", "optimizer.safetensors", "progress.json"
AVERAGE = "average.safetensors"
_MAX_HEADER_BYTES = 2**24
_MAX_RECORD_BYTES = 2**16
_SLACK_BYTES = 2**22
_DTYPES = {"F32": "float32", "I64": "int64", "U8": "uint8"}
"""torch's names of the types in our safetensors files."""

Layout: TypeAlias = dict[str, str]
"""Shape and type of each tensor of a file, such as `(500, 128)` or, unless the type is float32, `() of int64`."""


@dataclass(frozen=True)
class CheckpointRecord:
    """`progress.json`: where training stands, and what else must be known to resume or to choose between checkpoints."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, allow_inf_nan=False)

    progress: Progress
    bleu: float | None  # of a validation at this step
    in_passing: bool  # saved because training was stopped, not because a checkpoint was due
    environment: dict[str, str]  # what must be equal to resume exactly
    chrf: float | None = None


_RECORD = TypeAdapter(CheckpointRecord)


class Checkpoint(NamedTuple):
    """A checkpoint that is not damaged."""

    path: Path
    step: int
    bleu: float | None
    in_passing: bool
    chrf: float | None = None


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    record: CheckpointRecord,
    *,
    average: MovingAverage | None = None,
) -> Checkpoint:
    """Save the parameters and their moving average, the optimizer, the progress and the random generators.

    Raises NumericalError if a parameter is not finite.
    """
    step = record.progress.step
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise NumericalError(f"step {step}", f"{name} is not finite", "lower training.learning_rate")
    states = optimizer.state_dict()["state"]  # moments and step counts, by number of the parameter
    tensors = {f"{index}.{key}": tensor for index, state in states.items() for key, tensor in state.items()}
    tensors["random"] = torch.get_rng_state()
    if (device := next(model.parameters()).device).type == "cuda":
        tensors["random_cuda"] = torch.cuda.get_rng_state(device)
    parts = {
        MODEL: serialize(parameters_of(model)),
        OPTIMIZER: serialize(tensors),
        PROGRESS: _RECORD.dump_json(record, indent=1),
    }
    if average is not None:
        parts[AVERAGE] = serialize(average.tensors)
    target = folder / f"step-{step:08d}"
    with new_folder(target, num_bytes=sum(map(len, parts.values()))) as temporary:
        for name, content in parts.items():
            write_part(temporary / name, content)
    return Checkpoint(target, step, record.bleu, record.in_passing, record.chrf)


def restore_checkpoint(
    checkpoint: Checkpoint,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    average: MovingAverage | None = None,
) -> CheckpointRecord:
    """Restore what `save_checkpoint` saved; the random generators last, before anything is drawn.

    Raises ModelError, naming the first tensor that does not fit, if the checkpoint belongs to another run.
    """
    load_parameters(model, read_parameters(checkpoint.path / MODEL), str(checkpoint.path / MODEL))
    place, tensors = str(checkpoint.path / OPTIMIZER), read_parameters(checkpoint.path / OPTIMIZER)
    random = {name: tensors.pop(name) for name in ("random", "random_cuda") if name in tensors}
    record = _read_record(checkpoint.path)
    expected = state_shapes(optimizer) if record.progress.step > 0 else {}
    check_layout(layout_of(tensors), {name: str(shape) for name, shape in expected.items()}, place)
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".", 1)
        states.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    if average is not None:
        path = checkpoint.path / AVERAGE
        saved = read_parameters(path)
        check_layout(layout_of(saved), layout_of(average.tensors), str(path))
        for name, tensor in average.tensors.items():
            tensor.copy_(saved[name])
    try:
        torch.set_rng_state(random["random"])
        device = next(model.parameters()).device
        if device.type == "cuda" and "random_cuda" in random:
            torch.cuda.set_rng_state(random["random_cuda"], device)
    except (KeyError, RuntimeError, TypeError) as error:
        raise ModelError(place, "holds no state of the random generator") from error
    return record


def _read_record(folder: Path) -> CheckpointRecord:
    """Raise ModelError if `progress.json` is damaged or belongs to another step."""
    path = folder / PROGRESS
    try:
        record = _RECORD.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(str(path), "is not the progress of a training run") from error
    if folder.name != f"step-{record.progress.step:08d}":
        raise ModelError(str(path), f"belongs to step {record.progress.step}")
    return record


def parameters_of(model: nn.Module) -> dict[str, Tensor]:
    """Return every parameter once; a tied parameter has the first of its names."""
    return {name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}


def layout_of(tensors: Mapping[str, Tensor]) -> Layout:
    return {name: _described(str(x.dtype).removeprefix("torch."), x.shape) for name, x in tensors.items()}


def _described(dtype: str, shape: Iterable[int]) -> str:
    return f"{tuple(shape)}" if dtype == "float32" else f"{tuple(shape)} of {dtype}"


def read_layout(path: Path) -> Layout:
    """Return what a safetensors file declares to hold; reads only its header, and raises ModelError if that is damaged."""
    try:
        with path.open("rb") as file:
            # The file begins with the length of its header.
            num_bytes = int.from_bytes(file.read(8), "little")
        if num_bytes > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {num_bytes} bytes")
        with safe_open(path, framework="numpy") as tensors:
            parts = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118 - not a dict
            return {
                name: _described(_DTYPES.get(part.get_dtype(), part.get_dtype()), part.get_shape())
                for name, part in parts.items()
            }
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(str(path), f"cannot be read as safetensors ({error})") from error


def read_parameters(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file. Raises ModelError, before it reads much, if the file is something else."""
    read_layout(path)
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(str(path), f"cannot be read as safetensors ({error})") from error


def serialize(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Return tensors in the format of safetensors. Raises MemoryError where safetensors itself would panic or abort."""
    # The library needs the content twice for a moment; an empty array takes no time, since its pages are never touched.
    np.empty(2 * sum(tensor.nbytes for tensor in tensors.values()) + _SLACK_BYTES, np.uint8)
    return save(tensors, metadata)


def load_parameters(model: nn.Module, parameters: dict[str, Tensor], place: str) -> None:
    """Copy parameters into a model. Raises ModelError naming the first that does not fit, with both shapes."""
    check_layout(layout_of(parameters), layout_of(dict(model.named_parameters())), place)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(parameters[name])


def check_layout(found: Layout, expected: Layout, place: str) -> None:
    """Raise ModelError, naming the first difference, unless there are exactly these tensors."""
    for name in [*expected, *(found.keys() - expected.keys())]:
        pair = found.get(name, "missing"), expected.get(name, "nothing")
        if pair[0] != pair[1]:
            raise ModelError(place, f"parameters of another model: {name} is {pair[0]}, expected {pair[1]}")


def find_checkpoints(folder: Path, warn: Callable[[str], None], layout: Layout | None = None) -> list[Checkpoint]:
    """Return all undamaged checkpoints, oldest first. Each damaged one is reported to `warn` and not touched.

    If the layout of the model is given, checkpoints of other models count as damaged.
    """
    checkpoints = []
    for path in sorted(folder.glob("step-*")):
        check = partial(_find_misfit, path, layout)
        reason = find_damage(path, MODEL, OPTIMIZER, PROGRESS, max_bytes={PROGRESS: _MAX_RECORD_BYTES}, check=check)
        if reason is None:
            try:
                record = _read_record(path)
                checkpoints.append(Checkpoint(path, record.progress.step, record.bleu, record.in_passing, record.chrf))
            except ModelError as error:
                reason = str(error)
        if reason is not None:
            warn(f"{path.name} is damaged and was skipped: {reason}")
    return checkpoints


def _find_misfit(folder: Path, layout: Layout | None) -> str | None:
    """Return why the files cannot be those of a model with this layout, or None."""
    if layout is None:
        return None
    try:
        check_layout(read_layout(folder / MODEL), layout, str(folder / MODEL))
    except ModelError as error:
        return str(error)
    expected = 3 * (folder / MODEL).stat().st_size + 2**20  # Adam has two moments per parameter
    for path in (folder / OPTIMIZER, folder / AVERAGE):
        if path.exists() and (size := path.stat().st_size) > expected:
            return f"{path.name} has {size} bytes, expected less than {expected} for this model"
    return None


def by_bleu(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Return the checkpoints that were due and have a score, the best last; ties are broken by chrF, then by step."""
    scored = (checkpoint for checkpoint in checkpoints if checkpoint.bleu is not None and not checkpoint.in_passing)
    return sorted(scored, key=lambda checkpoint: (checkpoint.bleu or 0.0, checkpoint.chrf or 0.0, checkpoint.step))


def existing(checkpoints: Iterable[Checkpoint], warn: Callable[[str], None]) -> list[Checkpoint]:
    """Return the checkpoints that still exist. Each one that was deleted from outside is reported to `warn`."""
    kept = []
    for checkpoint in checkpoints:
        if checkpoint.path.exists():
            kept.append(checkpoint)
        else:
            warn(f"{checkpoint.path.name} no longer exists; training continues without it")
    return kept


def undamaged(checkpoints: Iterable[Checkpoint], warn: Callable[[str], None]) -> list[Checkpoint]:
    """Return the checkpoints whose parameters are as they were written. All others are reported to `warn`."""
    kept = []
    for checkpoint in checkpoints:
        if reason := find_damage(checkpoint.path, MODEL, unread=(OPTIMIZER,)):
            warn(f"{checkpoint.path.name} is damaged and was skipped: {reason}")
        else:
            kept.append(checkpoint)
    return kept


def prune(
    checkpoints: Iterable[Checkpoint], warn: Callable[[str], None], *, keep_last: int, keep_best: int
) -> list[Checkpoint]:
    """Delete all checkpoints but the newest and the best by BLEU; returns those that are left, oldest first.

    Only checkpoints that were due count for both numbers; the newest of all is kept in any case. A checkpoint that cannot be
    deleted is reported to `warn` and left where it is.
    """
    ordered = sorted(checkpoints, key=lambda checkpoint: checkpoint.step)
    due, scored = [checkpoint for checkpoint in ordered if not checkpoint.in_passing], by_bleu(ordered)
    # Not scored[-keep_best:], which would be all of them for 0.
    kept = {*ordered[-1:], *due[-keep_last:], *scored[max(len(scored) - keep_best, 0) :]}
    for checkpoint in ordered:
        if checkpoint not in kept:
            try:
                # Renamed first, so that a process killed meanwhile leaves nothing that looks like a damaged checkpoint.
                remove(checkpoint.path.rename(temporary_of(checkpoint.path)))
            except OSError as error:
                warn(f"{checkpoint.path} cannot be deleted ({error.strerror}); training continues")
    return [checkpoint for checkpoint in ordered if checkpoint in kept]
