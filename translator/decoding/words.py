"""What every search does with the logits of a next word: forbid some, and turn the others into log-probabilities."""

import math

import torch
from torch import Tensor

from translator.errors import NumericalError
from translator.text.tokenizer import BOS, EOS, PAD, UNK

NEVER = (PAD, UNK, BOS)
"""With byte fallback nothing a model learns is unknown, so it is not asked to write <unk>."""


def allowed_(logits_BNV: Tensor, length: int, min_length: int) -> Tensor:
    """The logits, in place, of words that may come after `length` pieces; minus infinity for the others."""
    logits_BNV[..., list(NEVER)] = -math.inf
    if length < min_length:
        logits_BNV[..., EOS] = -math.inf
    return logits_BNV


def log_totals(logits_BNV: Tensor) -> Tensor:
    """The logarithm of sum exp over all words, forbidden ones too: log_prob = logit - total. Before `allowed_`.

    So a log-probability is the model's own, and a hypothesis costs what a forced pass over it costs.
    Raises NumericalError where a model has left the finite numbers.
    """
    total_BN = torch.logsumexp(logits_BNV, -1)
    if not total_BN.isfinite().all():
        raise NumericalError(
            "decoding", "the model's scores are not finite", "its weights are unusable: use another run"
        )
    return total_BN
