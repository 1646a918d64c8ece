"""Load a finished run as a `Translator`."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from translator.errors import ModelError, UsageError
from translator.jobs.translate.device import choose_device, configure_library
from translator.jobs.translate.engines import ENGINES
from translator.jobs.translate.translator import Translator
from translator.models.ensemble import Ensemble
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import choose_ops
from translator.runs.folder import WORDS, RunFolder
from translator.runs.lookup import find_run
from translator.runs.model import build_model, check_parameters
from translator.text.words import load_words
from translator.training.checkpoint import MODEL, by_bleu, find_checkpoints, load_parameters, read_parameters


def load(
    run: str | Path | RunFolder | None = None,
    *,
    device: torch.device | str = "cpu",
    engine: str = "torch",
    checkpoint: str | None = None,
    notify: Callable[[str], None] = warnings.warn,
) -> Translator:
    """Load a run by its folder or name, or the run that finished last, with an engine of ENGINES.

    "a+b" loads the runs a and b, which must have the same tokenizer, as an ensemble: the mean of their probabilities decides.

    The parameters are those of the checkpoint, such as "step-900", if one is given; else the final ones; else, if training
    has not finished, those of the checkpoint with the highest validation BLEU, which `notify` reports. Decoding uses fp32
    matrix products unless the config asks for bf16, so that batches do not change results. Raises ModelError if the run is
    missing or damaged.

    >>> load("demo").translate("The man reads a book.")
    'Der Mann liest ein Buch.'
    """
    folder = run if isinstance(run, RunFolder) else find_run(run, or_unfinished=True)
    if engine not in ENGINES:
        raise UsageError("--engine", f"found {engine!r}, expected one of {', '.join(map(repr, ENGINES))}")
    if checkpoint is not None and (engine != "torch" or folder.partners):
        problem = (
            "given, but an export contains only the final parameters"
            if engine != "torch"
            else "given with several runs"
        )
        raise UsageError("--checkpoint", problem, "give it with one run and --engine torch")
    device = choose_device(device) if isinstance(device, str) else device
    members = (folder, *folder.partners)
    chosen = [_find_parameters(member, checkpoint, notify) for member in members]
    models = [_load_model(member, path, device) for member, (path, _) in zip(members, chosen, strict=True)]
    model, config, tokenizer = models[0], folder.config(), folder.tokenizer()
    if folder.partners:
        _require_ensemble(folder, engine)
        model = Ensemble(models)
    known_words = load_words(folder.path / WORDS)
    search = ENGINES[engine](folder, model, tokenizer)
    bleu = None if folder.partners else chosen[0][1]
    long_source = folder.record().corpus.train.long_source
    return Translator(model, tokenizer, config, known_words, search, validation_bleu=bleu, long_source=long_source)


def _require_ensemble(folder: RunFolder, engine: str) -> None:
    """Raise UsageError or ModelError if a run and its partners cannot translate together."""
    if engine != "torch":
        raise UsageError("--engine", f"found {engine!r}, but the runs form an ensemble", "use --engine torch")
    for partner in folder.partners:
        if partner.record().tokenizer != folder.record().tokenizer:
            problem = f"has a different tokenizer from {folder.path}, so their token ids do not match"
            raise ModelError(str(partner.path), problem, "train both on the same corpus with the same [tokenizer]")


def _load_model(folder: RunFolder, path: Path, device: torch.device) -> AnyModel:
    """Return the model of a run with the parameters in a file."""
    config, tokenizer = folder.config(), folder.tokenizer()
    precision = "fp32" if config.ops.precision == "auto" else config.ops.precision
    ops = choose_ops(config.ops.model_copy(update={"precision": precision}), device)
    configure_library(device, ops)
    vocabularies = Vocabularies.of(tokenizer)
    check_parameters(path, config, vocabularies)
    parameters = read_parameters(path)
    with device:
        model = build_model(config, vocabularies, ops=ops)
    load_parameters(model, parameters, str(path))
    return model


def _find_parameters(run: RunFolder, name: str | None, notify: Callable[[str], None]) -> tuple[Path, float | None]:
    """Return the file of the parameters to load, as described in `load`, and their validation BLEU, if known."""
    if name is None and run.is_finished:
        run.require_finished()
        return run.final / MODEL, run.finish_record().validation_bleu
    run.require_intact()
    checkpoints = find_checkpoints(run.checkpoints, notify)
    if name is None and not checkpoints:
        advice = "wait for its first checkpoint, or resume it with `translator train`"
        raise ModelError(str(run.path), "its training has not finished, and it has no checkpoint", advice)
    if name is None:
        # The best; the latest if none has a score.
        chosen = (by_bleu(checkpoints) or checkpoints)[-1]
        score = "" if chosen.bleu is None else f", validation BLEU {chosen.bleu:.2f}"
        notify(
            f"{run.path}: training has not finished; translating with its best checkpoint, step {chosen.step}{score}"
        )
        return chosen.path / MODEL, chosen.bleu
    number = re.fullmatch(r"(?:step-)?(\d{1,15})", name)
    for checkpoint in checkpoints:
        if number and checkpoint.step == int(number[1]):
            return checkpoint.path / MODEL, checkpoint.bleu
    known = ", ".join(f"step-{checkpoint.step}" for checkpoint in checkpoints)
    raise UsageError("--checkpoint", f"found {name!r}, but {run.path} has {known or 'none'}", "choose one of them")
