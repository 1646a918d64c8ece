"""Estimate what a training run takes: passes over the corpus, time and memory."""

import math
import time
from typing import NamedTuple

import numpy as np
import torch

from translator.config import Config
from translator.jobs.train.prepare import Notify, examine
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.report.time_left import duration
from translator.runs.folder import RunFolder
from translator.runs.model import check_model, count_parameters, sketch_model
from translator.text.batches import EncodedPairs, encode_corpus
from translator.text.corpus import Corpus
from translator.training.processes import Processes
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates

_FLOPS_PER_PARAMETER = 6  # of a target token, forwards and backwards (Kaplan et al. 2020)
_EFFICIENCY = 0.3  # of a training update, relative to one large matrix product
# Fitted to the peaks of runs on a CPU with 10,000 to 4,979,000 parameters, and right within a factor of 1.5 there.
_BASE_BYTES = 500e6  # Python, torch and the corpus
_BYTES_PER_PARAMETER = 16  # with gradient and two moments
_BYTES_PER_VALUE = 20  # of the inputs and outputs of the layers, whose shapes differ from batch to batch
_SAMPLE_PAIRS = 10_000  # whose tokens a dry run counts
_PRODUCT_SIZE, _PRODUCT_SECONDS = 512, 0.05


class Estimate(NamedTuple):
    """What a run takes, right within a factor of about two."""

    steps: int
    epochs: float
    seconds: float
    memory_bytes: float

    def text(self) -> str:
        """Return one line for the user."""
        passes = f"{self.epochs:.3g} pass{'' if self.epochs == 1 else 'es'}"
        return (
            f"estimate: {self.steps:,} updates, {passes} over the corpus, "
            f"roughly {duration(self.seconds)} without validation, {self.memory_bytes / 1e9:.1f} GB of memory"
        )


def estimate(settings: TrainingSettings, updates: CorpusUpdates, model: AnyModel, *, share: float = 1) -> Estimate:
    """Return what training takes to the end of all steps; early stopping may end it sooner.

    `updates` has this share of the training pairs; if epochs are given, it must be all of them for exact steps.
    """
    num_updates, num_tokens = max(1, round(updates.num_updates(0) / share)), len(updates.pairs.target.tokens) / share
    steps = settings.with_steps_of(num_updates).steps
    epochs = steps / num_updates
    # Attention is left out: it costs little at these lengths.
    work = _FLOPS_PER_PARAMETER * count_parameters(model) * num_tokens * epochs
    seconds = work / (_EFFICIENCY * _product_speed(updates.device) * updates.processes.size)
    memory = training_memory(settings, model, max_tokens=_max_tokens(updates.pairs, settings, share))
    return Estimate(steps, epochs, seconds, memory)


def training_memory(settings: TrainingSettings, model: AnyModel, *, max_tokens: float = math.inf) -> float:
    """Return the peak memory of training in bytes, right within a factor of about 1.5; the model may be a sketch.

    No update has more than `max_tokens`, counting the longer side of each pair.
    """
    matrices = [
        weight.shape for name, weight in model.named_parameters() if "embeddings" not in name and weight.dim() == 2
    ]
    num_values = sum(map(sum, matrices)) * min(settings.batch_tokens, max_tokens) / settings.accumulation
    return _BASE_BYTES + _BYTES_PER_PARAMETER * count_parameters(model) + _BYTES_PER_VALUE * num_values


def _max_tokens(pairs: EncodedPairs, settings: TrainingSettings, share: float) -> float:
    """Return the tokens of a whole pool, counting the longer side of each pair: no update has more."""
    mean_length = float(np.maximum(*(np.diff(side.offsets) for side in pairs)).mean())
    return mean_length * min(pairs.num_pairs / share, settings.pool_sentences)


def dry_run(config: Config, run: RunFolder, *, device: torch.device, notify: Notify) -> str:
    """Check a config and its corpus as training does, but write nothing. Returns the size and the estimate on one line."""
    check_model(config)
    prepared, sample, *_ = examine(config, run, notify)
    source, target = (side[:_SAMPLE_PAIRS] for side in (sample.source, sample.target))
    pairs = encode_corpus(Corpus(source, target), prepared.tokenizer)
    settings = prepared.config.training
    updates = CorpusUpdates(pairs, settings, device, Processes())
    model = sketch_model(prepared.config, Vocabularies.of(prepared.tokenizer))
    share = len(source) / prepared.filtered.counts.kept
    return f"{count_parameters(model):,} parameters; {estimate(settings, updates, model, share=share).text()}"


def _product_speed(device: torch.device) -> float:
    """Return how many floating-point operations per second a matrix product reaches now."""
    matrix = torch.ones(_PRODUCT_SIZE, _PRODUCT_SIZE, device=device)
    number, began = 0, time.monotonic()
    while time.monotonic() - began < _PRODUCT_SECONDS or not number:
        (matrix @ matrix)[0, 0].item()  # waits for the device
        number += 1
    return 2 * _PRODUCT_SIZE**3 * number / (time.monotonic() - began)
