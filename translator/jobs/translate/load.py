"""Load a finished run as a `Translator`."""

from pathlib import Path

import torch

from translator.errors import ModelError, UsageError
from translator.jobs.translate.build import choose_device, configure_library, vocabularies_of
from translator.jobs.translate.engines import ENGINES
from translator.jobs.translate.translator import Translator
from translator.models.ensemble import Ensemble
from translator.models.interface import AnyModel
from translator.ops.choice import choose_ops
from translator.runs.folder import WORDS, RunFolder
from translator.runs.lookup import find_run
from translator.runs.model import build_model, check_parameters
from translator.text.words import load_words
from translator.training.checkpoint import MODEL, load_parameters, read_parameters


def load(
    run: str | Path | RunFolder | None = None, *, device: torch.device | str = "cpu", engine: str = "torch"
) -> Translator:
    """Load a finished run by its folder or name, or the run that finished last, with an engine of ENGINES.

    "a+b" loads the runs a and b, which must have the same tokenizer, as an ensemble: the mean of their probabilities decides.
    Decoding uses fp32 matrix products unless the config asks for bf16, so that batches do not change results. Raises
    ModelError if the run is missing or damaged.

    >>> load("demo").translate("The man reads a book.")
    'Der Mann liest ein Buch.'
    """
    folder = run if isinstance(run, RunFolder) else find_run(run)
    if engine not in ENGINES:
        raise UsageError("--engine", f"found {engine!r}, expected one of {', '.join(map(repr, ENGINES))}")
    device = choose_device(device) if isinstance(device, str) else device
    models = [_load_model(member, device) for member in (folder, *folder.partners)]
    model, config, tokenizer = models[0], folder.config(), folder.tokenizer()
    if folder.partners:
        _require_ensemble(folder, engine)
        model = Ensemble(models)
    known_words = load_words(folder.path / WORDS)
    search = ENGINES[engine](folder, model, tokenizer)
    bleu = None if folder.partners else folder.finish_record().validation_bleu
    return Translator(model, tokenizer, config, known_words, search, validation_bleu=bleu)


def _require_ensemble(folder: RunFolder, engine: str) -> None:
    """Raise UsageError or ModelError if a run and its partners cannot translate together."""
    if engine != "torch":
        raise UsageError("--engine", f"found {engine!r}, but several runs translate together", "use 'torch'")
    for partner in folder.partners:
        if partner.record().tokenizer != folder.record().tokenizer:
            problem = f"has another tokenizer than {folder.path}, so its token ids have other meanings"
            raise ModelError(str(partner.path), problem, "train both on the same corpus with the same [tokenizer]")


def _load_model(folder: RunFolder, device: torch.device) -> AnyModel:
    """Return the model of a finished run with its final parameters."""
    folder.require_finished()
    config, tokenizer = folder.config(), folder.tokenizer()
    precision = "fp32" if config.ops.precision == "auto" else config.ops.precision
    ops = choose_ops(config.ops.model_copy(update={"precision": precision}), device)
    configure_library(device, ops)
    path, vocabularies = folder.final / MODEL, vocabularies_of(tokenizer)
    check_parameters(path, config, vocabularies)
    parameters = read_parameters(path)
    with device:
        model = build_model(config, vocabularies, ops=ops)
    load_parameters(model, parameters, str(path))
    return model
