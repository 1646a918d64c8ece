"""Train a run from start to finish: prepare or resume, run the updates, save the final parameters."""

import threading
from contextlib import closing, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from translator.config import Config
from translator.errors import MachineError, TranslatorError
from translator.jobs.train.events import TrainingObserver, TrainingObservers
from translator.jobs.train.final_parameters import is_done
from translator.jobs.train.prepare import prepare
from translator.jobs.train.signals import Stop, Stopped, stop_requests
from translator.jobs.train.start import build_training, resume
from translator.jobs.train.watchdog import UPDATE_SECONDS, note_saved_step, set_grace
from translator.runs.folder import RunFolder
from translator.runs.lock import RunLock
from translator.runs.model import check_model
from translator.training.processes import Processes


def train_run(
    config: Config,
    folder: Path,
    *,
    device: torch.device,
    observer: TrainingObserver,
    made_by: str = "train",
    overwrite: bool = False,
    processes: Processes = Processes(),  # noqa: B008 - a value, and the plain case
) -> RunFolder:
    """Train in `folder`, from the start or from its newest checkpoint, and return the finished run.

    Raises Stopped, with the state saved, if a signal asks training to stop.
    """
    check_model(config)
    if config.training.tensorboard:
        _require_tensorboard()
    if device.type == "cuda":
        threading.Thread(target=_load_gpu_libraries, args=(device,), daemon=True).start()
    run, training = RunFolder(folder), None
    observers = TrainingObservers(observer) if processes.is_first else TrainingObservers()
    notify = observers.notify
    try:
        with stop_requests() as request, closing(RunLock(folder, notify)) as lock:
            processes.first(lock.acquire)
            starts_over = overwrite and processes.is_first and not processes.restarted
            if starts_over or not any(run.checkpoints.glob("step-*")):
                note_saved_step(0)
            observers.working("preparing the corpus")
            try:
                prepared = processes.first_then_others(
                    lambda: prepare(config, folder, overwrite=starts_over, notify=notify)
                )
            except TranslatorError:
                request.raise_if_due()  # SentencePiece turns a Stop raised in its callback into an error of its own
                raise
            processes.first(lock.hold_folder)
            if is_done(run, prepared.config):
                notify(f"{folder} is already finished; give another --output, or more training.steps")
                return run
            observers.working("preparing the model and the training pairs")
            training = build_training(prepared, device, observers, processes)
            resume(training)
            if config.training.tensorboard and processes.is_first:
                from translator.jobs.train.tensorboard import EventFiles

                observers.add(EventFiles(run, training.translator, prepared.validation, training.warn))
            reason = training.run_updates(request)
            training.in_first_process(partial(training.finish, reason, made_by))
    except Stop as stop:
        set_grace(UPDATE_SECONDS)  # exiting takes a moment on a busy machine
        if not processes.is_first:
            raise SystemExit(stop.exit_code) from None
        raise Stopped(stop.number, training.progress.step if training else 0, str(folder)) from None
    return run


def _load_gpu_libraries(device: torch.device) -> None:
    """Load CUDA and cuBLAS, which the first update needs, while the corpus is prepared; each takes seconds."""
    with suppress(Exception):  # the main thread meets the same error and reports it
        torch.ones(1, 1, device=device).mm(torch.ones(1, 1, device=device))


def _require_tensorboard() -> None:
    """Raise MachineError unless the packages that `training.tensorboard` needs are installed."""
    for package in ("tensorboard", "matplotlib"):
        if find_spec(package) is None:
            advice = f"pip install {package}, or set it to false"
            raise MachineError("training.tensorboard", f"{package} is not installed", advice)
