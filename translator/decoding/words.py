"""From a model's hidden states to its best next words: what every search does with the output layer.

A log-probability is the model's own, over all words, forbidden ones too; so a hypothesis costs what a forced pass over it
costs.
"""

import math

import torch
from torch import Tensor

from translator.errors import NumericalError
from translator.models.interface import Output
from translator.text.tokenizer import BOS, EOS, PAD, UNK

NEVER = [PAD, UNK, BOS]
"""With byte fallback nothing a model learns is unknown, so it is not asked to write <unk>."""
CHUNK_ELEMENTS = 2**20
"""Logits held at once, so that they stay in the cache from their product to their sum."""


def forbidden_words(length: int, min_length: int) -> list[int]:
    """The words that may not come after `length` pieces."""
    return [*NEVER, EOS] if length < min_length else NEVER


def best_words(hidden_RD: Tensor, output: Output, *, num_words: int, forbidden: list[int]) -> tuple[Tensor, Tensor]:
    """(log_prob_RC, word_RC) of the C best words of each row, best first; minus infinity for forbidden ones.

    Raises NumericalError where a model has left the finite numbers.
    """
    num_rows = max(1, CHUNK_ELEMENTS // len(output.bias))
    chunks = [best_of_chunk(output.logits(rows), num_words, forbidden) for rows in torch.split(hidden_RD, num_rows)]
    log_probs, words = zip(*chunks, strict=True)
    return torch.cat(log_probs), torch.cat(words)


def best_of_chunk(logits_RV: Tensor, num_words: int, forbidden: list[int]) -> tuple[Tensor, Tensor]:
    """The same for a few rows, whose logits it overwrites; forbidden words count in the total alone."""
    kept_RF = logits_RV[:, forbidden]
    logits_RV[:, forbidden] = -math.inf
    best_RC, word_RC = logits_RV.topk(num_words, -1)
    largest_R1 = torch.maximum(best_RC[:, :1], kept_RF.amax(1, keepdim=True))
    allowed_R1 = logits_RV.sub_(largest_R1).exp_().sum(1, keepdim=True)
    total_R1 = largest_R1 + torch.log(allowed_R1 + (kept_RF - largest_R1).exp_().sum(1, keepdim=True))
    return best_RC - finite_totals(total_R1), word_RC


def finite_totals(total: Tensor) -> Tensor:
    """The logarithm of sum exp over all words, if it is a number: log_prob = logit - total."""
    if not total.isfinite().all():
        raise NumericalError(
            "decoding", "the model's scores are not finite", "its weights are unusable: use another run"
        )
    return total
