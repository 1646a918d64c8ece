"""Attention masks. True means "may be attended to". Masks are combined with `&` and applied only in this package."""

import torch
from torch import Tensor


def causal_mask(num_queries: int, memory_length: int, device: torch.device) -> Tensor:
    """Return mask_TS. The last query is at the last memory position, so query t attends to s <= S - T + t."""
    ones_TS = torch.ones(num_queries, memory_length, dtype=torch.bool, device=device)
    return ones_TS.tril(memory_length - num_queries)


def attention_mask(
    real_BS: Tensor | None, num_queries: int, memory_length: int, *, causal: bool, device: torch.device
) -> Tensor | None:
    """Return mask_BHTS with broadcast axes of 1, or None if every query may attend to every position.

    `real_BS` is True at real tokens, None if there is no padding.
    """
    mask = None if real_BS is None else real_BS[:, None, None, :]
    if causal and num_queries > 1:  # a single query is at the last position and has no future
        past = causal_mask(num_queries, memory_length, device)[None, None]
        mask = past if mask is None else mask & past
    return mask


def masked_softmax(score_BHTS: Tensor, mask: Tensor | None) -> Tensor:
    """Return weight_BHTS, the softmax over the positions that the mask allows.

    A fully masked query gets zero weights, not NaN: the lowest finite number replaces masked scores, since a row of minus
    infinities has no softmax, and the weights that it leaves are set to zero afterwards.
    """
    if mask is None:
        return score_BHTS.softmax(-1)
    hidden = ~mask
    weight_BHTS = score_BHTS.masked_fill(hidden, torch.finfo(score_BHTS.dtype).min).softmax(-1)
    return weight_BHTS.masked_fill(hidden, 0.0)
