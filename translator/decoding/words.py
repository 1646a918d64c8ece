"""What every search does with the logits of a next word: forbid what may not come, and turn them into log-probabilities."""

import math

import torch
from torch import Tensor

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
    """log sum exp over all words: what a logit is reduced by to become a log-probability. Before `allowed_`."""
    return torch.logsumexp(logits_BNV, -1)
