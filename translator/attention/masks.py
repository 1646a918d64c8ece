"""Who may look at what. True means "may be attended to"; masks are combined with `&` and applied only in this room."""

import torch
from torch import Tensor


def causal_mask(num_queries: int, memory_length: int, device: torch.device) -> Tensor:
    """mask_TS: the last query sits at the last memory position, so query t sees s <= S - T + t."""
    whole_TS = torch.ones(num_queries, memory_length, dtype=torch.bool, device=device)
    return whole_TS.tril(memory_length - num_queries)


def visible(
    real_BS: Tensor | None, num_queries: int, memory_length: int, *, causal: bool, device: torch.device
) -> Tensor | None:
    """What each query may look at, as mask_BHTS with broadcast axes of 1; None where that is everything.

    `real_BS` is True at real tokens, None where there is no padding; a causal mask is added where T > 1 needs one.
    """
    mask = None if real_BS is None else real_BS[:, None, None, :]
    if causal and num_queries > 1:
        past = causal_mask(num_queries, memory_length, device)[None, None]
        mask = past if mask is None else mask & past
    return mask


def masked_softmax(score_BHTS: Tensor, mask: Tensor | None) -> Tensor:
    """weight_BHTS: softmax over the visible memory; a query that may look nowhere gets zeros, not NaN."""
    if mask is None:
        return score_BHTS.softmax(-1)
    hidden = ~mask
    weight_BHTS = score_BHTS.masked_fill(hidden, torch.finfo(score_BHTS.dtype).min).softmax(-1)
    return weight_BHTS.masked_fill(hidden, 0.0)
