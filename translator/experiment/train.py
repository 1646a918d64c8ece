"""A whole training: prepare or go on, train, validate, keep checkpoints, average, leave a run that translates."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from translator.config import Config
from translator.decoding.settings import DecodingSettings
from translator.errors import ModelError
from translator.evaluation.metrics import bleu
from translator.experiment.build import build_model, check_model, count_weights, vocabularies_of
from translator.experiment.prepare import Prepared, prepare
from translator.experiment.run_folder import FINISHED, FORMAT, JOURNAL, WORDS, RunFolder, now
from translator.experiment.signals import Stopped, StopRequest, stop_requests
from translator.experiment.translate import Translator
from translator.models.interface import AnyModel
from translator.ops.choice import choose_ops
from translator.text.batches import Batch, EncodedPairs, TokenBatches, encode_corpus
from translator.text.corpus import Corpus
from translator.text.words import load_words
from translator.training.checkpoint import (
    MODEL,
    Checkpoint,
    find_checkpoints,
    load_weights,
    new_folder,
    prune,
    read_weights,
    restore_checkpoint,
    save_checkpoint,
    unshared,
    write_file,
    write_part,
)
from translator.training.journal import Journal, truncate_after
from translator.training.loop import Progress, Report, average_weights, build_optimizer, mean_loss, out_of_time, train
from translator.training.objective import Objective
from translator.training.schedules import SCHEDULES


class Sample(NamedTuple):
    """A validation sentence with what the model makes of it now."""

    source: str
    hypothesis: str
    reference: str


class Validation(NamedTuple):
    """How good the model is on sentences that it does not train on."""

    step: int
    loss: float  # mean over target tokens, in nats, not smoothed
    bleu: float  # of greedy translations
    is_best: bool
    seconds: float
    samples: list[Sample]


class Watcher(Protocol):
    """Whoever wants to know what happens; the command line shows it."""

    def notice(self, text: str) -> None:
        """Something worth a line."""
        ...

    def began(self, progress: Progress, config: Config) -> None:
        """The first update comes next."""
        ...

    def updated(self, report: Report) -> None:
        """One update is done."""
        ...

    def validated(self, validation: Validation) -> None:
        """One validation is done."""
        ...


class CorpusUpdates:
    """The encoded training pairs as updates of micro-batches on a device."""

    def __init__(self, pairs: EncodedPairs, config: Config, device: torch.device) -> None:
        training = config.training
        self.batches = TokenBatches(
            pairs, batch_tokens=training.batch_tokens, pool_size=training.pool_sentences, seed=training.seed
        )
        self.accumulation, self.device = training.accumulation, device
        self.order: tuple[int, list[NDArray[np.int64]]] = (-1, [])

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """The updates of an epoch as sentence numbers; the last one asked for is kept."""
        if self.order[0] != number:
            self.order = number, self.batches.epoch(number)
        return self.order[1]

    def num_updates(self, epoch: int) -> int:
        """How many updates an epoch has."""
        return len(self.epoch(epoch))

    def update(self, epoch: int, position: int) -> list[Batch]:
        """The micro-batches of one update."""
        parts = self.batches.split(self.epoch(epoch)[position], self.accumulation)
        return [self.batches.batch(part).to(self.device) for part in parts]


@dataclass
class Training:
    """A training under way: the objects that act and the records of what they did."""

    run: RunFolder
    config: Config
    objective: Objective
    optimizer: torch.optim.Optimizer
    translator: Translator
    updates: CorpusUpdates
    validation: Corpus
    validation_batches: list[Batch]
    watcher: Watcher
    progress: Progress = field(default_factory=Progress)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def run_updates(self, request: StopRequest) -> str:
        """Train until done; returns why it ended. Raises Stopped, with the state saved, if a signal asks."""
        settings = self.config.training
        schedule = partial(
            SCHEDULES[settings.schedule],
            peak=settings.learning_rate,
            warmup_steps=settings.warmup_steps,
            total_steps=settings.steps,
        )
        reports = train(
            self.objective, self.updates, self.optimizer, schedule, settings=settings, progress=self.progress
        )
        self.watcher.began(self.progress, self.config)
        with Journal(self.run.path / JOURNAL) as journal:
            for report in reports:
                journal.write({"event": "update", **report._asdict()})
                self.watcher.updated(report)
                if report.step % settings.validate_every == 0 or report.step == settings.steps:
                    self.validate(journal)
                elif report.step % settings.save_every == 0:
                    self.save(None)
                if settings.patience and self.progress.validations_since_best >= settings.patience:
                    return f"no better validation BLEU in {settings.patience} validations"
                if request.number is not None:
                    self.save(None)
                    raise Stopped(request.number, report.step, str(self.run.path))
            if out_of_time(settings, self.progress) and self.progress.step < settings.steps:
                self.validate(journal)
                return f"training.max_minutes = {settings.max_minutes:g} are over"
        return "all steps done"

    def validate(self, journal: Journal) -> None:
        """Measure, tell, keep a checkpoint with the score."""
        began, step = time.monotonic(), self.progress.step
        loss = mean_loss(self.objective, iter(self.validation_batches))
        hypotheses = self.translator.translate(self.validation.source, GREEDY)
        score = bleu(hypotheses, self.validation.target)
        is_best = self.progress.best_bleu is None or score > self.progress.best_bleu
        if is_best:
            self.progress.best_bleu, self.progress.best_step = score, step
        self.progress.validations_since_best = 0 if is_best else self.progress.validations_since_best + 1
        samples = self.samples(hypotheses)
        validation = Validation(step, loss, score, is_best, time.monotonic() - began, samples)
        record = {**validation._asdict(), "samples": [sample._asdict() for sample in samples]}
        journal.write({"event": "validation", **record})
        self.save(score)
        self.watcher.validated(validation)

    def samples(self, hypotheses: Sequence[str]) -> list[Sample]:
        """A few validation sentences, evenly spread."""
        wanted, found = self.config.training.samples, len(hypotheses)
        numbers = sorted({index * found // wanted for index in range(wanted)}) if wanted else []
        return [Sample(self.validation.source[n], hypotheses[n], self.validation.target[n]) for n in numbers]

    def save(self, score: float | None) -> None:
        """A checkpoint of this very step, and none that is no longer wanted."""
        settings = self.config.training
        checkpoint = save_checkpoint(
            self.run.checkpoints, self.objective.model, self.optimizer, progress=self.progress, bleu=score
        )
        known = [one for one in self.checkpoints if one.step != checkpoint.step]
        last, best = settings.keep_last, 1
        if settings.average_of == "last":
            last = max(last, settings.average)
        else:
            best = settings.average
        self.checkpoints = prune([*known, checkpoint], keep_last=last, keep_best=best)

    def finish(self, reason: str, made_by: str) -> None:
        """Leave the better of the best checkpoint and the average as final weights."""
        if not self.checkpoints:
            self.save(None)
        best = max(self.checkpoints, key=lambda one: (one.bleu is not None, one.bleu or 0.0, one.step))
        chosen, score = f"step {best.step}", best.bleu
        weights = read_weights(best.path / MODEL)
        if len(averaged := self.to_average()) > 1:
            mean = average_weights([read_weights(one.path / MODEL) for one in averaged])
            mean_score = self.score_of(mean)
            self.watcher.notice(
                f"validation BLEU {mean_score:.2f} with the average of steps "
                f"{', '.join(str(one.step) for one in averaged)}"
            )
            if score is None or mean_score >= score:
                chosen, weights = f"average of steps {', '.join(str(one.step) for one in averaged)}", mean
                score = mean_score
        load_weights(self.objective.model, weights, chosen)
        with new_folder(self.run.final) as temporary:
            write_part(temporary / MODEL, save(unshared(self.objective.model)))
        record = {
            "format": FORMAT,
            "finished_at": now(),
            "made_by": made_by,
            "reason": reason,
            "step": self.progress.step,
            "epochs": self.progress.epoch,
            "seconds": self.progress.seconds,
            "target_tokens": self.progress.num_tokens,
            "weights": count_weights(self.objective.model),
            "final": chosen,
            "validation_bleu": score,
        }
        write_file(self.run.path / FINISHED, json.dumps(record, indent=1).encode())
        self.watcher.notice(f"final weights: {chosen}" + ("" if score is None else f", validation BLEU {score:.2f}"))

    def to_average(self) -> list[Checkpoint]:
        """The checkpoints whose weights are averaged."""
        settings = self.config.training
        if settings.average_of == "last":
            return self.checkpoints[-settings.average :]
        scored = sorted((one for one in self.checkpoints if one.bleu is not None), key=lambda one: one.bleu or 0.0)
        return sorted(scored[-settings.average :], key=lambda one: one.step)

    def score_of(self, weights: dict[str, torch.Tensor]) -> float:
        """Validation BLEU with these weights, which stay in the model."""
        load_weights(self.objective.model, weights, "average")
        self.objective.eval()
        return bleu(self.translator.translate(self.validation.source, GREEDY), self.validation.target)


GREEDY = DecodingSettings(search="greedy")


def train_run(
    config: Config,
    folder: Path,
    *,
    device: torch.device,
    watcher: Watcher,
    made_by: str = "train",
    overwrite: bool = False,
) -> RunFolder:
    """Train in `folder`, from the start or from where it stopped; returns the finished run."""
    check_model(config)
    prepared = prepare(config, folder, overwrite=overwrite, tell=watcher.notice)
    with prepared.run.locked(), stop_requests() as request:
        if is_done(prepared.run, config):
            watcher.notice(f"{folder} is already finished; give another --output, or more training.steps")
            return prepared.run
        training = begin(prepared, config, device, watcher)
        restore(training)
        training.finish(training.run_updates(request), made_by)
    return prepared.run


def is_done(run: RunFolder, config: Config) -> bool:
    """Whether there is nothing left to train."""
    if not run.is_finished:
        return False
    return bool(run.finish_record()["step"] >= config.training.steps or run.config().training == config.training)


def begin(prepared: Prepared, config: Config, device: torch.device, watcher: Watcher) -> Training:
    """Every object that a training needs, at step 0."""
    torch.manual_seed(config.training.seed)
    ops = choose_ops(config.ops, device)
    with device:
        model = build_model(config, vocabularies_of(prepared.tokenizer), ops=ops)
    if config.training.initialise_from is not None:
        initialise(model, prepared, RunFolder(Path(config.training.initialise_from)))
    products = str(ops.product_dtype).removeprefix("torch.").replace("float", "fp").replace("bfp", "bf")
    watcher.notice(
        f"{count_weights(model):,} weights, {products} products, {torch.get_num_threads()} threads, {device}"
    )
    validation = encode_corpus(prepared.validation, prepared.tokenizer)
    return Training(
        run=prepared.run,
        config=config,
        objective=Objective(model, label_smoothing=config.training.label_smoothing, ops=ops),
        optimizer=build_optimizer(model, config.training),
        translator=Translator(model, prepared.tokenizer, config, load_words(prepared.run.path / WORDS)),
        updates=CorpusUpdates(prepared.pairs(watcher.notice), config, device),
        validation=prepared.validation,
        validation_batches=[batch.to(device) for batch in all_batches(validation, config.training.batch_tokens)],
        watcher=watcher,
    )


def all_batches(pairs: EncodedPairs, batch_tokens: int) -> Iterator[Batch]:
    """Every pair once."""
    batches = TokenBatches(pairs, batch_tokens=batch_tokens, pool_size=pairs.num_pairs, seed=0)
    return (batches.batch(sentences) for sentences in batches.epoch(0))


def initialise(model: AnyModel, prepared: Prepared, other: RunFolder) -> None:
    """Begin with another run's final weights. Raises ModelError where tokenizer or shapes differ."""
    other.require_finished()
    if other.record()["tokenizer"] != prepared.tokenizer.fingerprint:
        raise ModelError(
            "training.initialise_from",
            f"{other.path} has another tokenizer",
            "its pieces would mean other words; train both on the same corpus and [tokenizer]",
        )
    load_weights(model, read_weights(other.final / MODEL), str(other.final / MODEL))


def restore(training: Training) -> None:
    """Go on from the newest undamaged checkpoint. Raises ModelError where all of them are damaged."""
    folder, watcher = training.run.checkpoints, training.watcher
    training.checkpoints = find_checkpoints(folder, watcher.notice)
    if training.checkpoints:
        newest = training.checkpoints[-1]
        training.progress = restore_checkpoint(newest, training.objective.model, training.optimizer)
        watcher.notice(f"going on after step {newest.step}")
    elif any(folder.glob("step-*")):
        raise ModelError(str(folder), "all checkpoints are damaged", "restore one, or begin anew with --overwrite")
    truncate_after(training.run.path / JOURNAL, training.progress.step)
