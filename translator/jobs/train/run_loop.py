"""The loop of a run: train, and after each update log, validate, save or stop as is due."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import torch

from translator.config import Config
from translator.decoding.settings import DecodingSettings
from translator.errors import MachineError, ModelError, NumericalError, TranslatorError
from translator.evaluation.metrics import ValidationMetrics, useless_output
from translator.jobs.train.compilation import compile_first
from translator.jobs.train.events import TrainingObserver
from translator.jobs.train.final_parameters import Ending, choose_parameters, save_final_parameters
from translator.jobs.train.signals import Stop, StopRequest
from translator.jobs.train.watchdog import UPDATE_SECONDS, grace, note_saved_step
from translator.jobs.translate.translator import Translator
from translator.ops.memory import peak_memory
from translator.runs.folder import JOURNAL, RECORD, RunFolder
from translator.storage.manifest import MANIFEST
from translator.text.batches import Batch
from translator.text.corpus import Corpus
from translator.training.checkpoint import (
    Checkpoint,
    CheckpointRecord,
    existing,
    load_parameters,
    prune,
    save_checkpoint,
    undamaged,
)
from translator.training.journal import Journal
from translator.training.loop import Outcome, Replay, mean_cross_entropy, perplexity, train
from translator.training.objective import Objective
from translator.training.optimizers import MovingAverage
from translator.training.processes import Processes
from translator.training.progress import Progress, Sample, Validation, count_update, count_validation, reason_to_end
from translator.training.updates import CorpusUpdates

_GREEDY = DecodingSettings(search="greedy")
_RESTORE = "restore it and run the same command again"


@dataclass
class Training:
    """A run that is being trained: the objects that do the work, and the state that they change."""

    run: RunFolder
    config: Config
    objective: Objective
    optimizer: torch.optim.Optimizer
    translator: Translator
    updates: CorpusUpdates
    validation: Corpus
    validation_batches: list[Batch]
    metrics: ValidationMetrics
    observer: TrainingObserver
    processes: Processes
    environment: dict[str, str]
    replay: Replay | None = None
    average: MovingAverage | None = None
    progress: Progress = field(default_factory=Progress)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    unread: list[Outcome] = field(default_factory=list)  # updates whose numbers are still on the device
    reported_parts: int = 1
    failed_to_save: bool = False

    def run_updates(self, request: StopRequest) -> str:
        """Train until there is a reason to end, and return the reason. Raises Stop, with the state saved, after a signal."""
        settings = self.config.training
        outcomes = train(
            self.objective,
            self.updates,
            self.optimizer,
            settings.learning_rate_at,
            settings=settings,
            progress=self.progress,
            processes=self.processes,
            replay=self.replay,
            average=self.average,
        )
        self.observer.began(self.progress, self.config)
        journal = Journal(self.run.path / JOURNAL, self.warn, is_kept=self.processes.is_first)
        with journal, request.deferred(), grace(UPDATE_SECONDS):
            self._do_what_is_due(journal, request)  # a validation that was interrupted
            for outcome in compile_first(outcomes, self.objective, request, self.observer.notify):
                self.unread.append(outcome)
                self._do_what_is_due(journal, request)
            self._do_what_is_due(journal, request)
        return reason_to_end(settings, self.progress) or ""

    def warn(self, text: str) -> None:
        self.observer.notify(f"warning: {text}")

    def _do_what_is_due(self, journal: Journal, request: StopRequest) -> None:
        """Log, stop, validate or save as is due at this step. If anything but saving fails, save before raising the error."""
        try:
            self._log_validate_or_save(journal, request)
        except NumericalError:  # the state is of no use
            raise
        except Exception:
            # A step that is not in the journal, because another process has ended, is not saved: it will be trained again.
            if self.processes.is_first and not self.failed_to_save and not self.unread:
                with suppress(TranslatorError, OSError):  # the first error says more
                    self._save(None, in_passing=True)
            raise

    def _log_validate_or_save(self, journal: Journal, request: StopRequest) -> None:
        settings, step = self.config.training, self.progress.step
        number = int(self.processes.largest(request.number or 0))  # one process that stops makes all stop
        device = self.objective.model.output.weight.device
        validates = step > self.progress.validated_step and (
            step % settings.validate_every == 0 or reason_to_end(settings, self.progress) is not None
        )
        # Also after pretraining in both directions.
        saves = validates or step % settings.save_every == 0 or step == settings.both_directions
        # Reading waits for the device: a GPU is left to work ahead until its numbers are needed.
        if saves or number or device.type == "cpu" or step % settings.log_every == 0:
            was_failing = journal.is_failing
            self._read_outcomes(journal)
            if journal.is_failing and not was_failing:  # only the first process has a journal
                self._save(None, in_passing=True)
        if number:
            self.in_first_process(lambda: self._save(None, in_passing=True))
            raise Stop(number)
        if validates:
            self.in_first_process(lambda: self._validate(journal, request))
        elif saves:
            self.in_first_process(lambda: self._save(None))

    def in_first_process(self, work: Callable[[], None]) -> None:
        """Let the first process do the work while the others wait, and give all of them its progress."""

        def work_and_progress() -> dict[str, object]:
            self._require_folder()
            self._require_records()
            work()
            return asdict(self.progress)

        # The training loop holds a reference to this object, so it is updated in place.
        for name, value in self.processes.first(work_and_progress).items():
            setattr(self.progress, name, value)

    def _require_folder(self) -> None:
        if not self.run.path.is_dir():
            raise MachineError(str(self.run.path), "no longer exists", _RESTORE)

    def _require_records(self) -> None:
        """Raise ModelError if a file without which the run can be neither resumed nor used has been deleted."""
        for path in (self.run.path / RECORD, self.run.path / MANIFEST):
            if not path.is_file():
                raise ModelError(str(path), "no longer exists, so the run folder is damaged", _RESTORE)

    def _read_outcomes(self, journal: Journal) -> None:
        """Wait for the device, then log the numbers of the last updates and report them."""
        began = time.monotonic()
        parts = self.progress.parts = int(self.processes.largest(self.progress.parts))
        reports = [outcome.read() for outcome in self.unread]
        waited = self.processes.largest(time.monotonic() - began)
        self.unread.clear()
        self.progress.seconds += waited
        for report in reports:
            report = report._replace(seconds=report.seconds + waited / len(reports))
            journal.write(report)
            if notice := count_update(report, self.progress):
                sentences = ", ".join(map(str, self.updates.sentences(report.epoch, report.position)[:10].tolist()))
                self.observer.notify(f"{notice}; epoch {report.epoch + 1}, training pairs {sentences}, ...")
            self.observer.updated(report)
        if parts > self.reported_parts:
            self.observer.notify(
                f"out of memory: each micro-batch is now split into {parts} parts; the updates stay the same"
            )
            self.reported_parts = parts

    def _validate(self, journal: Journal, request: StopRequest) -> None:
        """Validate, report the scores and save a checkpoint with them; an interrupted validation is repeated on resume."""
        began, step, sources = time.monotonic(), self.progress.step, self.validation.source
        self.observer.working(f"validating on {len(sources):,} sentences")
        try:
            with request.immediate():
                cross_entropy = mean_cross_entropy(self.objective, iter(self.validation_batches))
                is_finite = math.isfinite(cross_entropy)
                hypotheses = self.translator.translate(sources, _GREEDY) if is_finite else [""] * len(sources)
        except Stop:
            self._save(None, in_passing=True)
            raise
        bleu, chrf = self.metrics.bleu(hypotheses), self.metrics.chrf(hypotheses)
        is_best = count_validation(self.progress, cross_entropy, bleu, chrf)
        if is_finite and (notice := useless_output(hypotheses)):
            self.observer.notify(f"step {step}: {notice}")
        num_samples = self.config.training.samples
        spread = sorted({sample * len(sources) // num_samples for sample in range(num_samples)})  # evenly, each once
        samples = [Sample(sources[index], hypotheses[index], self.validation.target[index]) for index in spread]
        seconds, memory = time.monotonic() - began, peak_memory(self.objective.model.output.weight.device)
        scores = cross_entropy, perplexity(cross_entropy), bleu
        validation = Validation(step, *scores, is_best, seconds, samples, memory.process, memory.device, chrf)
        journal.write(validation)
        journal.sync()
        self._save(bleu if is_finite else None, chrf)
        self.observer.validated(validation)

    def _save(self, bleu: float | None, chrf: float | None = None, *, in_passing: bool = False) -> None:
        """Save a checkpoint of this step, unless there is one that serves as well, and prune the older ones."""
        self._require_folder()
        self.checkpoints = existing(self.checkpoints, self.warn)
        step, last = self.progress.step, self.checkpoints[-1] if self.checkpoints else None
        if step == 0:
            return
        if last and last.step == step and (in_passing or (not last.in_passing and bleu in (None, last.bleu))):
            return
        record = CheckpointRecord(self.progress, bleu, in_passing, self.environment, chrf)
        self.failed_to_save = True
        with grace(UPDATE_SECONDS):
            checkpoint = save_checkpoint(
                self.run.checkpoints, self.objective.model, self.optimizer, record, average=self.average
            )
        self.failed_to_save = False
        note_saved_step(step)
        self.checkpoints = [*(older for older in self.checkpoints if older.step != step), checkpoint]
        self.prune_checkpoints()

    def prune_checkpoints(self) -> None:
        """Delete the checkpoints that are neither among the newest nor needed for the final parameters."""
        settings = self.config.training
        averages_last = settings.average_of == "last"
        self.checkpoints = prune(
            self.checkpoints,
            self.warn,
            keep_last=max(settings.keep_last, settings.average) if averages_last else settings.keep_last,
            keep_best=1 if averages_last else settings.average,
        )

    def finish(self, reason: str, made_by: str) -> None:
        """Choose and save the final parameters."""

        def score_of(parameters: dict[str, torch.Tensor]) -> float:
            load_parameters(self.objective.model, parameters, "average")
            self.objective.eval()
            return self.metrics.bleu(self.translator.translate(self.validation.source, _GREEDY))

        self.checkpoints = undamaged(existing(self.checkpoints, self.warn), self.warn)
        if not self.checkpoints:
            self._save(None)
        self.observer.working("choosing the final parameters")
        final = choose_parameters(self.checkpoints, self.config.training, score_of, self.observer.notify)
        ending = Ending(self.progress, reason, made_by, self.environment)
        save_final_parameters(self.run, self.config, self.objective.model, final, ending)
        score = "" if final.bleu is None else f", validation BLEU {final.bleu:.2f}"
        self.observer.notify(f"final parameters: {final.name}{score}")
