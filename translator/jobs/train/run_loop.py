"""A training under way: what is due after each update, and what is kept of it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import torch

from translator.config import Config
from translator.decoding.settings import DecodingSettings
from translator.errors import MachineError
from translator.evaluation.metrics import bleu
from translator.jobs.train.compilation import compile_first
from translator.jobs.train.events import Sample, Validation, Watcher
from translator.jobs.train.final_parameters import choose, record_of, save_final_parameters
from translator.jobs.train.signals import Stop, StopRequest
from translator.jobs.train.watchdog import UPDATE_SECONDS, grace, note_saved_step
from translator.jobs.translate.translator import Translator
from translator.runs.folder import JOURNAL, RunFolder
from translator.text.batches import Batch
from translator.text.corpus import Corpus
from translator.training.checkpoint import Checkpoint, Record, load_parameters, prune, save_checkpoint
from translator.training.journal import Journal
from translator.training.loop import Outcome, Replay, mean_loss, train
from translator.training.objective import Objective
from translator.training.processes import Processes
from translator.training.progress import Progress, count_validation, examine, reason_to_end
from translator.training.updates import CorpusUpdates

GREEDY = DecodingSettings(search="greedy")


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
    processes: Processes
    environment: dict[str, str]
    replay: Replay | None = None
    progress: Progress = field(default_factory=Progress)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    unread: list[Outcome] = field(default_factory=list)
    parts_told: int = 1

    def run_updates(self, request: StopRequest) -> str:
        """Train until done; returns why it ended. Raises Stop, with the state saved, if a signal asks."""
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
        )
        self.watcher.began(self.progress, self.config)
        journal_of_run = Journal(self.run.path / JOURNAL, is_kept=self.processes.is_first)
        with journal_of_run as journal, request.answered_later(), grace(UPDATE_SECONDS):
            self.do_what_is_due(journal, request)
            for outcome in compile_first(outcomes, self.objective, request, self.watcher.notify):
                self.unread.append(outcome)
                self.do_what_is_due(journal, request)
            self.do_what_is_due(journal, request)
        return reason_to_end(settings, self.progress) or ""

    def do_what_is_due(self, journal: Journal, request: StopRequest) -> None:
        """After an update, or before the first one what an earlier stop has left undone: notify, stop, validate, save."""
        settings, step = self.config.training, self.progress.step
        number = int(self.processes.largest(request.number or 0))
        validates = step > self.progress.validated_step and (
            step % settings.validate_every == 0 or reason_to_end(settings, self.progress) is not None
        )
        saves = validates or step % settings.save_every == 0
        if saves or number or self.device.type == "cpu" or step % settings.log_every == 0:
            self.read_outcomes(journal)
        if number:
            self.alone(lambda: self.save(None, in_passing=True))
            raise Stop(number)
        if validates:
            self.alone(lambda: self.validate(journal, request))
        elif saves:
            self.alone(lambda: self.save(None))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.objective.model.output.weight.device

    def alone(self, work: Callable[[], None]) -> None:
        """Let the first process work while the others wait; what it counted then holds for all."""

        def counted() -> dict[str, object]:
            if not self.run.is_run:
                raise MachineError(
                    str(self.run.path), "is no longer there", "put it back, and the same command goes on"
                )
            work()
            return asdict(self.progress)

        vars(self.progress).update(self.processes.first(counted))

    def read_outcomes(self, journal: Journal) -> None:
        """Write down and show what the last updates did; this waits for the device."""
        began = time.monotonic()
        parts = self.progress.parts = int(self.processes.largest(self.progress.parts))
        reports = [outcome.read() for outcome in self.unread]
        self.unread.clear()
        waited = self.processes.largest(time.monotonic() - began)
        self.progress.seconds += waited
        for report in reports:
            report = report._replace(seconds=report.seconds + waited / len(reports))
            journal.write({"event": "update", **report._asdict()})
            if notice := examine(report, self.progress):
                sentences = ", ".join(map(str, self.updates.epoch(report.epoch)[report.position][:10].tolist()))
                self.watcher.notify(f"{notice}; epoch {report.epoch + 1}, training pairs {sentences}, ...")
            self.watcher.updated(report)
        if parts > self.parts_told:
            self.watcher.notify(f"memory ran out: each micro-batch is now cut in {parts}; the updates stay the same")
            self.parts_told = parts

    def validate(self, journal: Journal, request: StopRequest) -> None:
        """Measure, notify, keep a checkpoint with the score; a stop leaves it for the next time."""
        began, step = time.monotonic(), self.progress.step
        try:
            with request.answered_later(False):
                loss = mean_loss(self.objective, iter(self.validation_batches))
                sources = self.validation.source
                hypotheses = self.translator.translate(sources, GREEDY) if math.isfinite(loss) else [""] * len(sources)
        except Stop:
            self.save(None, in_passing=True)
            raise
        score = bleu(hypotheses, self.validation.target)
        is_best = count_validation(self.progress, loss, score)
        validation = Validation(step, loss, score, is_best, time.monotonic() - began, self.samples(hypotheses))
        record = {**validation._asdict(), "samples": [sample._asdict() for sample in validation.samples]}
        journal.write({"event": "validation", **record})
        journal.sync()
        self.save(score if math.isfinite(loss) else None)
        self.watcher.validated(validation)

    def samples(self, hypotheses: Sequence[str]) -> list[Sample]:
        """A few validation sentences, evenly spread."""
        wanted, found = self.config.training.samples, len(hypotheses)
        numbers = sorted({index * found // wanted for index in range(wanted)})
        return [Sample(self.validation.source[n], hypotheses[n], self.validation.target[n]) for n in numbers]

    def save(self, score: float | None, *, in_passing: bool = False) -> None:
        """A checkpoint of this very step, unless it is there already, and none that is no longer wanted."""
        step = self.progress.step
        last = self.checkpoints[-1] if self.checkpoints else None
        if step == 0 or (last is not None and last.step == step and is_as_good(last, score, in_passing)):
            return
        record = Record(self.progress, score, in_passing, self.environment)
        with grace(UPDATE_SECONDS):
            checkpoint = save_checkpoint(self.run.checkpoints, self.objective.model, self.optimizer, record)
        note_saved_step(step)
        self.checkpoints = [*(one for one in self.checkpoints if one.step != step), checkpoint]
        self.prune()

    def prune(self) -> None:
        """Delete the checkpoints that are neither among the newest nor wanted for the final weights."""
        settings, keep_last, keep_best = self.config.training, self.config.training.keep_last, 1
        if settings.average_of == "last":
            keep_last = max(keep_last, settings.average)
        else:
            keep_best = settings.average
        self.checkpoints = prune(self.checkpoints, keep_last=keep_last, keep_best=keep_best)

    def finish(self, reason: str, made_by: str) -> None:
        """Leave the better of the best checkpoint and the average as final weights."""
        model = self.objective.model
        choice = choose(self.checkpoints, self.config.training, self.score_of, self.watcher.notify)
        record = record_of(
            self.progress, self.config, model, choice, reason=reason, made_by=made_by, environment=self.environment
        )
        save_final_parameters(self.run, model, choice, record)
        score = "" if choice.bleu is None else f", validation BLEU {choice.bleu:.2f}"
        self.watcher.notify(f"final weights: {choice.name}{score}")

    def score_of(self, weights: dict[str, torch.Tensor]) -> float:
        """Validation BLEU with these weights, which stay in the model."""
        load_parameters(self.objective.model, weights, "average")
        self.objective.eval()
        return bleu(self.translator.translate(self.validation.source, GREEDY), self.validation.target)


def is_as_good(last: Checkpoint, score: float | None, in_passing: bool) -> bool:
    """Whether a checkpoint of the same step says all that a new one would."""
    return in_passing or (not last.in_passing and score in (None, last.bleu))
