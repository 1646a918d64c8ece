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
TABLE_ROWS = 8
"""Rows that the words of one hypothesis are laid out in when the best are looked for."""
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
    """The same for a few rows."""
    log_prob_RV = log_probs_of(logits_RV)
    log_prob_RV[:, forbidden] = -math.inf
    return largest(log_prob_RV, num_words)


def log_probs_of(logits_RV: Tensor) -> Tensor:
    """log_prob_RV of all words, forbidden ones too. Raises NumericalError where they are not numbers."""
    log_prob_RV = logits_RV.log_softmax(-1)
    if log_prob_RV[:, EOS].isnan().any():  # one logit that is no number leaves none in its row
        raise NumericalError(
            "decoding", "the model's scores are not finite", "its weights are unusable: use another run"
        )
    return log_prob_RV


def largest(x_RV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(value_RC, index_RC) of `topk`, in half its time: first among columns of a table, then within the best of those.

    The `count` largest values lie in the `count` columns whose largest are the largest.
    """
    width = x_RV.shape[1] // TABLE_ROWS
    table_RGW = torch.unflatten(x_RV[:, : TABLE_ROWS * width], 1, (TABLE_ROWS, width))
    column_RC = table_RGW.amax(1).topk(min(count, width)).indices
    first_G1 = torch.arange(TABLE_ROWS, device=x_RV.device).unsqueeze(1) * width
    rest_X = torch.arange(TABLE_ROWS * width, x_RV.shape[1], device=x_RV.device)
    index_RX = torch.cat(((column_RC.unsqueeze(1) + first_G1).flatten(1), rest_X.expand(len(x_RV), -1)), 1)
    value_RC, place_RC = x_RV.gather(1, index_RX).topk(count)
    return value_RC, index_RX.gather(1, place_RC)
