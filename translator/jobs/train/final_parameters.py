"""The end of a training: which weights are left to translate with.

It depends on the kept checkpoints alone, so it may be interrupted and repeated.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor

from translator.config import Config, portable
from translator.jobs.translate.build import count_parameters
from translator.models.interface import AnyModel
from translator.runs.folder import FINISHED, RunFolder
from translator.runs.records import FinishRecord, now
from translator.storage.files import write_part
from translator.storage.folders import new_folder
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


def save_final_parameters(run: RunFolder, model: AnyModel, choice: Choice, record: FinishRecord) -> None:
    """Write the final parameters and the record of how training ended, both at once."""
    load_parameters(model, choice.weights, choice.name)
    content = save(unshared(model))
    with new_folder(run.final, num_bytes=len(content)) as temporary:
        write_part(temporary / MODEL, content)
        write_part(temporary / Path(FINISHED).name, record.as_json())


def record_of(
    progress: Progress,
    config: Config,
    model: AnyModel,
    choice: Choice,
    *,
    reason: str,
    made_by: str,
    environment: dict[str, str],
) -> FinishRecord:
    """Return the record of a run that ends now."""
    return FinishRecord(
        finished_at=now(),
        made_by=made_by,
        reason=reason,
        step=progress.step,
        epochs=progress.epoch,
        seconds=progress.seconds,
        target_tokens=progress.num_tokens,
        skipped_updates=progress.skipped,
        num_parameters=count_parameters(model),
        peak_memory_bytes=_peak_memory_bytes(),
        peak_device_memory_bytes=_peak_device_memory_bytes(model),
        final=choice.name,
        validation_bleu=choice.bleu,
        training=_portable_training(config),
        environment=environment,
    )


def is_done(run: RunFolder, config: Config) -> bool:
    """Whether there is nothing left to train; final weights that are damaged are made again."""
    if not run.is_finished or run.find_final_damage():
        return False
    finished = run.finish_record()
    return finished.training == _portable_training(config) or finished.step >= config.training.steps


def _portable_training(config: Config) -> TrainingSettings:
    """Return the training settings as a run folder keeps them, without paths of this machine."""
    return TrainingSettings.model_validate(portable(config)["training"])


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
