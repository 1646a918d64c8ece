"""The end of a run: choose the parameters to translate with, and save them with a record of how training ended.

Both depend only on the checkpoints that are kept, so finishing may be interrupted and repeated.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from translator.config import Config, portable
from translator.models.interface import AnyModel
from translator.ops.memory import peak_memory
from translator.runs.folder import FINISHED, RunFolder
from translator.runs.model import count_parameters
from translator.runs.records import FinishRecord, now
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.training.checkpoint import (
    AVERAGE,
    MODEL,
    Checkpoint,
    by_bleu,
    load_parameters,
    parameters_of,
    read_parameters,
    serialize,
)
from translator.training.loop import average_parameters
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings


class FinalParameters(NamedTuple):
    """The parameters to translate with, and where they come from."""

    name: str  # "step 500" or "average of steps 400, 500"
    parameters: dict[str, Tensor]
    bleu: float | None  # on the validation sentences


class Ending(NamedTuple):
    """How a run ended, for its record."""

    progress: Progress
    reason: str
    made_by: str  # the command that trained it
    environment: dict[str, str]


def choose_parameters(
    checkpoints: list[Checkpoint],
    settings: TrainingSettings,
    score_of: Callable[[dict[str, Tensor]], float],
    notify: Callable[[str], None],
) -> FinalParameters:
    """Return the best checkpoint, the average of several, or the moving average, whichever has the highest validation BLEU."""
    best = (by_bleu(checkpoints) or checkpoints)[-1]
    single = FinalParameters(f"step {best.step}", read_parameters(best.path / MODEL), best.bleu)
    if settings.average_of == "best":
        averaged = sorted(by_bleu(checkpoints)[-settings.average :], key=lambda checkpoint: checkpoint.step)
    else:  # a checkpoint saved in passing would not exist without an interruption, so it must not change the result
        averaged = [checkpoint for checkpoint in checkpoints if not checkpoint.in_passing][-settings.average :]
    means: dict[str, dict[str, Tensor]] = {}
    if len(averaged) > 1:
        name = f"average of steps {', '.join(str(checkpoint.step) for checkpoint in averaged)}"
        means[name] = average_parameters([read_parameters(checkpoint.path / MODEL) for checkpoint in averaged])
    if settings.ema:
        last = ([checkpoint for checkpoint in checkpoints if not checkpoint.in_passing] or checkpoints)[-1]
        moving = read_parameters(last.path / AVERAGE)
        means[f"moving average at step {last.step}"] = {**read_parameters(last.path / MODEL), **moving}
    chosen = single
    for name, parameters in means.items():
        score = score_of(parameters)
        notify(f"validation BLEU {score:.2f} with the {name}")
        # Of equal scores, prefer the average.
        if chosen.bleu is None or score >= chosen.bleu:
            chosen = FinalParameters(name, parameters, score)
    return chosen


def save_final_parameters(
    run: RunFolder, config: Config, model: AnyModel, final: FinalParameters, ending: Ending
) -> None:
    """Load the parameters into the model and write `final/`: parameters and record together, or neither."""
    load_parameters(model, final.parameters, final.name)
    content = serialize(parameters_of(model))
    progress, memory = ending.progress, peak_memory(model.output.weight.device)
    record = FinishRecord(
        finished_at=now(),
        made_by=ending.made_by,
        reason=ending.reason,
        step=progress.step,
        epochs=progress.epoch,
        seconds=progress.seconds,
        target_tokens=progress.num_tokens,
        skipped_updates=progress.skipped,
        num_parameters=count_parameters(model),
        peak_memory_bytes=memory.process,
        peak_device_memory_bytes=memory.device,
        final=final.name,
        validation_bleu=final.bleu,
        training=_portable_training(config),
        environment=ending.environment,
    )
    with new_folder(run.final, num_bytes=len(content)) as temporary:
        write_part(temporary / MODEL, content)
        write_part(temporary / Path(FINISHED).name, record.as_json())


def is_done(run: RunFolder, config: Config) -> bool:
    """Return whether there is nothing left to train. Damaged final parameters have to be made again."""
    if not run.is_finished or run.find_final_damage():
        return False
    finished = run.finish_record()
    if finished.training == _portable_training(config):
        return True
    epochs = config.training.epochs
    return finished.epochs >= epochs if epochs else finished.step >= config.training.steps


def _portable_training(config: Config) -> TrainingSettings:
    """Return the training settings as a run folder keeps them, without paths of this machine."""
    return TrainingSettings.model_validate(portable(config)["training"])
