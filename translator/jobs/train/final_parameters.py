"""The end of a training: which weights are left to translate with.

It depends on the kept checkpoints alone, so it may be interrupted and repeated.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor

from translator.config import Config, portable
from translator.jobs.translate.build import count_parameters
from translator.models.interface import AnyModel
from translator.runs.folder import FINAL, FINISHED, FORMAT, RunFolder, now
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import find_damage
from translator.training.checkpoint import MODEL, Checkpoint, by_bleu, load_parameters, read_parameters, unshared
from translator.training.loop import average_parameters
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]


class Choice(NamedTuple):
    """The weights that a run is left with."""

    name: str
    weights: dict[str, Tensor]
    bleu: float | None


def choose(
    checkpoints: list[Checkpoint],
    settings: TrainingSettings,
    score_of: Callable[[dict[str, Tensor]], float],
    notify: Callable[[str], None],
) -> Choice:
    """The better of the best checkpoint and the average."""
    best = (by_bleu(checkpoints) or checkpoints)[-1]
    alone = Choice(f"step {best.step}", read_parameters(best.path / MODEL), best.bleu)
    averaged = to_average(checkpoints, settings)
    if len(averaged) < 2:
        return alone
    mean = average_parameters([read_parameters(one.path / MODEL) for one in averaged])
    name, score = f"average of steps {', '.join(str(one.step) for one in averaged)}", score_of(mean)
    notify(f"validation BLEU {score:.2f} with the {name}")
    return Choice(name, mean, score) if alone.bleu is None or score >= alone.bleu else alone


def to_average(checkpoints: list[Checkpoint], settings: TrainingSettings) -> list[Checkpoint]:
    """The checkpoints whose weights are averaged; one that was saved in passing would not be there without the stop."""
    if settings.average_of == "last":
        return [one for one in checkpoints if not one.in_passing][-settings.average :]
    return sorted(by_bleu(checkpoints)[-settings.average :], key=lambda one: one.step)


def leave(run: RunFolder, model: AnyModel, choice: Choice, record: dict[str, Any]) -> None:
    """Write the final weights and how the training ended, both at once."""
    load_parameters(model, choice.weights, choice.name)
    content = save(unshared(model))
    record = {**record, "final": choice.name, "validation_bleu": choice.bleu}
    with new_folder(run.final, num_bytes=len(content)) as temporary:
        write_part(temporary / MODEL, content)
        write_part(temporary / Path(FINISHED).name, json.dumps(record, indent=1).encode())


def record_of(progress: Progress, config: Config, model: AnyModel, *, reason: str, made_by: str) -> dict[str, Any]:
    """What finished.json says of the training."""
    return {
        "format": FORMAT,
        "finished_at": now(),
        "made_by": made_by,
        "reason": reason,
        "step": progress.step,
        "epochs": progress.epoch,
        "seconds": progress.seconds,
        "target_tokens": progress.num_tokens,
        "skipped_updates": progress.skipped,
        "weights": count_parameters(model),
        "peak_memory_bytes": _peak_memory_bytes(),
        "peak_device_memory_bytes": _peak_device_memory_bytes(model),
        "training": portable(config)["training"],
    }


def is_done(run: RunFolder, config: Config) -> bool:
    """Whether there is nothing left to train; final weights that are damaged are made again."""
    if not run.is_finished or find_damage(run.final, *FINAL):
        return False
    finished = run.finish_record()
    is_same = finished.get("training") == portable(config)["training"]
    return bool(is_same or finished["step"] >= config.training.steps)


def _peak_memory_bytes() -> int | None:
    """Return the most memory that this process has held, or None where the system does not say."""
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _peak_device_memory_bytes(model: AnyModel) -> int | None:
    """Return the most GPU memory that PyTorch has reserved, or None for a model on the CPU."""
    device = model.output.weight.device
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None
