"""Build every object that trains a run, at step 0 or with the state of the newest checkpoint."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from translator.config import MAY_CHANGE, flatten
from translator.errors import DataError, MachineError, ModelError
from translator.evaluation.metrics import ValidationMetrics
from translator.evaluation.settings import choose_tokenizer
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.train.estimate import estimate
from translator.jobs.train.events import TrainingObserver
from translator.jobs.train.fine_tuning import initial_parameters
from translator.jobs.train.prepare import Prepared
from translator.jobs.train.run_loop import Training
from translator.jobs.train.watchdog import note_saved_step
from translator.jobs.translate.device import configure_library, environment_of
from translator.jobs.translate.translator import Translator
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import choose_ops, choose_workers
from translator.runs.folder import JOURNAL, WORDS
from translator.runs.model import build_model, count_parameters
from translator.storage.temporary import recover_partial_writes
from translator.text.batches import EncodedPairs, TokenBatches, encode_corpus
from translator.text.static_batches import StaticBatches
from translator.text.subword_sampling import BPEDropout, Segmenter, SubwordSampler, UnigramSampling
from translator.text.tokenizer import Tokenizer
from translator.text.words import load_words
from translator.training.capture import CapturedUpdates
from translator.training.checkpoint import find_checkpoints, layout_of, load_parameters, restore_checkpoint
from translator.training.consistency import CONSISTENCIES
from translator.training.journal import truncate_after
from translator.training.loop import Replay, build_optimizer
from translator.training.objective import Objective
from translator.training.optimizers import MovingAverage
from translator.training.processes import Processes
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates


def build_training(
    prepared: Prepared, device: torch.device, observer: TrainingObserver, processes: Processes
) -> Training:
    """Build every object that trains a prepared run, at step 0."""
    config, settings, notify = prepared.config, prepared.config.training, observer.notify
    torch.manual_seed(settings.seed)
    ops = choose_ops(config.ops, device)
    configure_library(device, ops)
    with device:
        model = build_model(config, Vocabularies.of(prepared.tokenizer), ops=ops)
    if not any(prepared.run.checkpoints.glob("step-*")):
        parameters = initial_parameters(config, prepared.tokenizer)
        if parameters is not None:
            load_parameters(model, parameters, "training.initialise_from")
    environment = environment_of(device, ops, processes.size)
    bleu_tokenizer = choose_tokenizer(config.evaluation, config.corpus.target_language)
    if bleu_tokenizer.notice:
        notify(bleu_tokenizer.notice)
    notify(f"{count_parameters(model):,} parameters, " + ", ".join(map(" ".join, environment.items())))
    validation = encode_corpus(prepared.validation, prepared.tokenizer)
    pairs, weight_P = processes.first_then_others(lambda: encoded_pairs(prepared, notify, device=device))
    # Pairs with a teacher's translations repeat the numbers of the corpus.
    _check_lengths(model, pairs, "training", np.resize(np.flatnonzero(prepared.filtered.is_kept), pairs.num_pairs))
    _check_lengths(model, validation, "validation", np.arange(validation.num_pairs))
    # A single pool, so that batches are sorted by length throughout.
    batches = TokenBatches(validation, batch_tokens=settings.batch_tokens, pool_size=validation.num_pairs, seed=0)
    workers = choose_workers(config.ops, device)
    objective = Objective(
        model,
        label_smoothing=settings.label_smoothing,
        ops=ops,
        consistency=CONSISTENCIES[settings.consistency](settings.consistency_weight, settings.consistency_cut),
        workers=workers,
        notify=notify,
    )
    optimizer = build_optimizer(model, settings)
    sampler = _sampler(settings, prepared.tokenizer, _limits(model))
    updates = CorpusUpdates(pairs, settings, device, processes, sampler=sampler, weight_P=weight_P)
    average = MovingAverage(model, settings.ema) if settings.ema else None
    config = config.model_copy(update={"training": settings.with_steps_of(updates.num_updates(0))})
    notify(estimate(settings, updates, model).text())
    return Training(
        run=prepared.run,
        config=config,
        objective=objective,
        optimizer=optimizer,
        translator=Translator(model, prepared.tokenizer, config, load_words(prepared.run.path / WORDS)),
        updates=updates,
        replay=_replay(objective, updates, optimizer, settings) if ops.captures else None,
        average=average,
        validation=prepared.validation,
        validation_batches=[validation.batch(sentences).to(device) for sentences in batches.epoch(0)],
        metrics=ValidationMetrics([prepared.validation.target], tokenizer=bleu_tokenizer.name),
        observer=observer,
        processes=processes,
        environment=environment,
    )


def _limits(model: AnyModel) -> tuple[int | None, int | None]:
    """Return how many source and target tokens the model reads at most, EOS included."""
    return model.max_source_length, model.max_target_length and model.max_target_length + 1


def _sampler(
    settings: TrainingSettings, tokenizer: Tokenizer, max_lengths: tuple[int | None, int | None]
) -> SubwordSampler | None:
    """Return a sampler that segments the training pairs at random in each update, or None to keep the best segmentations."""
    segmenters: list[Segmenter[Any]]
    if settings.bpe_dropout:
        segmenters = [BPEDropout(processor, settings.bpe_dropout) for processor in tokenizer.processors]
    elif settings.unigram_alpha:
        segmenters = [UnigramSampling(processor, settings.unigram_alpha) for processor in tokenizer.processors]
    else:
        return None
    return SubwordSampler(*segmenters, seed=settings.seed, max_lengths=max_lengths)


def _replay(
    objective: Objective, updates: CorpusUpdates, optimizer: torch.optim.Optimizer, settings: TrainingSettings
) -> Replay | None:
    """Return the function that replays captured updates, or None, with a message, if updates cannot be captured."""
    pairs, model = updates.pairs, objective.model
    obstacles = {
        "several processes share an update": updates.processes.size > 1,
        "training.both_directions changes the pairs": settings.both_directions > 0,
        "torch cannot capture training.optimizer": not isinstance(optimizer, torch.optim.Adam),
        "training.accumulation is more than 1": settings.accumulation > 1,
        "the training pairs are segmented at random in each update": updates.sampler is not None,
        "the corpus is too large for the GPU's memory": pairs.source.tokens.device.type == "cpu",
        f"an update waits for {model.obstacle_to_capture}": bool(model.obstacle_to_capture),
    }
    for obstacle, is_there in obstacles.items():
        if is_there:
            objective.notify(f"ops.capture: updates run without CUDA graphs, because {obstacle}")
            return None
    max_source_length, max_target_length = _limits(model)
    static = StaticBatches(pairs, max_source_length=max_source_length, max_target_length=max_target_length)
    return CapturedUpdates(objective, updates, optimizer, static=static, clip_norm=settings.clip_norm).replay


def _check_lengths(model: AnyModel, pairs: EncodedPairs, split: str, number_P: NDArray[np.int64]) -> None:
    """Raise DataError for a pair that is longer than the model can read; `number_P` has the line number of each pair."""
    for side, lines, limit in zip(("source", "target"), pairs, _limits(model), strict=True):
        lengths = np.diff(lines.offsets)
        if limit is not None and (too_long := np.flatnonzero(lengths > limit)).size:
            first, num_others = too_long[0], too_long.size - 1
            others = f"; so are {num_others:,} more, the longest has {lengths.max():,}" if num_others else ""
            raise DataError(
                f"{split} pair {number_P[first] + 1:,}",
                f"its {side} is too long ({lengths[first]:,} tokens, but the model reads at most {limit:,}{others})",
                "raise model.max_positions or the attention's max_length, or lower corpus.max_words; then use --overwrite",
            )


def resume(training: Training) -> None:
    """Restore the newest checkpoint that is undamaged and fits, if there is any, and discard what came after it.

    Raises ModelError if there are checkpoints but none can be used.
    """
    run, notify, processes = training.run, training.observer.notify, training.processes
    for folder in (run.path, run.checkpoints):
        processes.first(partial(recover_partial_writes, folder))
    layout = layout_of(dict(training.objective.model.named_parameters()))
    training.checkpoints = find_checkpoints(run.checkpoints, notify, layout)
    record = None
    while training.checkpoints and record is None:
        newest = training.checkpoints[-1]
        try:
            record = restore_checkpoint(newest, training.objective.model, training.optimizer, average=training.average)
        except ModelError as error:
            notify(f"{newest.path.name} is damaged and was skipped: {error}")
            training.checkpoints.pop()
    if record is not None:
        training.progress, training.reported_parts = record.progress, record.progress.parts
        note_saved_step(record.progress.step)
        notify(f"resuming from step {record.progress.step}")
        for change in _changes(training, record.environment):
            notify(change)
    elif any(run.checkpoints.glob("step-*")):
        advice = "restore one of them, or start over with --overwrite"
        raise ModelError(str(run.checkpoints), "all checkpoints are damaged", advice)
    progress = training.progress
    if processes.differ(progress.step):
        raise MachineError(
            str(run.path), "the processes see different checkpoints", "use a run folder that all processes can see"
        )
    processes.first(lambda: truncate_after(run.path / JOURNAL, progress.step, progress.validated_step))
    processes.first(training.prune_checkpoints)  # the run may have been killed between a save and its pruning


def _changes(training: Training, old_environment: dict[str, str]) -> Iterator[str]:
    """Yield a line for each change of conditions since the run was started."""
    differences = [
        f"{key} {old_environment.get(key, 'unknown')} -> {value}"
        for key, value in training.environment.items()
        if value != old_environment.get(key)
    ]
    if differences:
        yield f"not bit-exact: {', '.join(differences)}"
    before, after = flatten(training.run.config()), flatten(training.config)
    if after["training.epochs"]:
        before["training.steps"] = after["training.steps"]  # follows from the epochs
    changed = [key for key in sorted(MAY_CHANGE) if before.get(key) != after.get(key)]
    if changed:
        yield "started with " + ", ".join(f"{key} {before.get(key)}, now {after.get(key)}" for key in changed)
    schedule = training.config.training.schedule
    if {"training.steps", "training.epochs"} & {*changed} and schedule in ("cosine", "linear"):
        yield (
            f"the {schedule} schedule ends at training.steps, so the learning rate jumps here: "
            "the result differs from a run that had this many steps from the start"
        )
