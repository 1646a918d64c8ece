"""Fine-tuning: a run starts from the final parameters of a finished run, its first run, and learns from other pairs.

The run has the tokenizer and the model of its first run. It inherits the words of the first run, so that they count as known,
and the hashes of its training pairs, so that they are found in a test set. It also keeps the test set of the first run, so that
`evaluate` shows what was gained and what was forgotten.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from translator.config import Config, override_config
from translator.errors import ModelError, UsageError
from translator.models.layers import Vocabularies
from translator.runs.folder import COUNTS, FIRST_TEST, WORDS, RunFolder, other_reference
from translator.runs.lookup import find_run
from translator.runs.model import check_parameters
from translator.text.tokenizer import Tokenizer
from translator.text.words import load_counts, load_words
from translator.training.checkpoint import MODEL, read_parameters

_LEARNING_RATE_FACTOR = 0.5
_PATIENCE = 5


class Learned(NamedTuple):
    """What a run inherits from the training data of its first run; empty if it has none."""

    pair_hashes: NDArray[np.uint64]
    words: frozenset[str]  # of the sources
    counts: Counter[str]  # of the words of the targets


def require_other_run(config: Config, run: RunFolder) -> None:
    """Raise UsageError if `training.initialise_from` names the run that is to be written."""
    name = config.training.initialise_from
    if name is not None and find_run(name).path.resolve() == run.path.resolve():
        raise UsageError("training.initialise_from", f"{name} is the run itself", "give another --output")


def first_run(config: Config) -> RunFolder | None:
    """Return the run that `training.initialise_from` names, None if it names none. Raises ModelError if it is not finished."""
    if config.training.initialise_from is None:
        return None
    first = find_run(config.training.initialise_from)
    first.require_single("the start of another run")
    first.require_finished()
    if first.is_packed:
        problem = f"{first.place} is a packed run, which has no record of its training pairs"
        raise UsageError("training.initialise_from", problem, "name the run folder that it was made from")
    return first


def initial_parameters(config: Config, tokenizer: Tokenizer) -> dict[str, torch.Tensor] | None:
    """Return the final parameters of the run that `training.initialise_from` names, or None if it names no run.

    Raises ModelError if they do not fit.
    """
    if (first := first_run(config)) is None:
        return None
    if first.record().tokenizer != tokenizer.fingerprint:
        problem = f"{first.path} has a different tokenizer, so token ids do not match"
        advice = f"use that tokenizer: --set tokenizer.path={first.path}"
        raise ModelError("training.initialise_from", problem, advice)
    check_parameters(first.final / MODEL, config, Vocabularies.of(tokenizer))
    return read_parameters(first.final / MODEL)


def learned_before(config: Config) -> Learned:
    """Return what a run with this config inherits from its first run."""
    if (first := first_run(config)) is None:
        return Learned(np.empty(0, np.uint64), frozenset(), Counter())
    counts = Counter(load_counts(first.path / COUNTS) or {})
    return Learned(first.pair_hashes(), load_words(first.path / WORDS) or frozenset(), counts)


def first_test(config: Config) -> dict[str, list[str] | None]:
    """Return the lines of the first run's test set by the names of their files; empty if there is none."""
    first = first_run(config)
    if first is None or not first.has_split("test"):
        return {}
    test = first.split("test")
    named = {"source": test.source, "target": test.target, "kind": test.kinds}
    others = {other_reference(FIRST_TEST, number): lines for number, lines in enumerate(test.others, 1)}
    return {f"{FIRST_TEST}.{suffix}": lines for suffix, lines in named.items()} | others


def fine_tuning_config(first: RunFolder, overrides: Sequence[str]) -> Config:
    """Return the settings of the first run for learning from another corpus, with overrides.

    Learning is slower than before, ends when the validation BLEU no longer rises, and takes the best parameters. Raises
    UsageError if no override says where the corpus is.
    """
    first.require_finished()
    if not any(override.startswith("corpus.") for override in overrides):
        raise UsageError("--from", "given without a corpus", "add --corpus FILE or --set corpus.folder=FOLDER")
    training = first.config().training
    defaults = {
        "tokenizer.path": str(first.path),
        "training.initialise_from": str(first.path),
        "training.learning_rate": training.learning_rate * _LEARNING_RATE_FACTOR,
        "training.patience": training.patience or _PATIENCE,
        "training.average_of": "best",
        "training.both_directions": 0,
    }
    return override_config(
        first.config(), [*(f"{key}={json.dumps(value)}" for key, value in defaults.items()), *overrides]
    )
