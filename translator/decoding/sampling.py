"""Sampling: the next token is drawn at random, from all tokens or from the most probable ones.

Each sentence has its own generator, seeded by the setting and by the sentence's tokens, so its translation depends
neither on its batch nor on its position in a file.
"""

import hashlib
from functools import partial

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, ranked
from translator.decoding.rules import Prefixes
from translator.decoding.settings import DecodingSettings
from translator.decoding.single import decode_single
from translator.models.interface import AnyModel


def sampling(
    model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings, prefixes: Prefixes = ()
) -> list[list[Hypothesis]]:
    """Return the distinct hypotheses among `num_best` independent samples per sentence, best first."""
    sources = [row_S[real_S].tolist() for row_S, real_S in zip(source_BS, mask_BS, strict=True)]
    draws = []
    for draw in range(settings.num_best):
        digests = [hashlib.sha256(repr((ids, settings.seed, draw)).encode()).digest() for ids in sources]
        # A seed may have at most 64 bits.
        generators = [torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")) for digest in digests]
        choose = partial(_sample_tokens, generators=generators, settings=settings)
        draws.append(
            decode_single(model, source_BS, mask_BS=mask_BS, settings=settings, choose=choose, prefixes=prefixes)
        )
    return [ranked(hypotheses, settings.num_best) for hypotheses in zip(*draws, strict=True)]


def _sample_tokens(
    log_prob_BV: Tensor, sentences: list[int], *, generators: list[torch.Generator], settings: DecodingSettings
) -> Tensor:
    """Draw the next token_B, each with its sentence's generator; always on the CPU, so that every device agrees."""
    prob_BV = distribution(log_prob_BV, settings).cpu()
    tokens = [
        torch.multinomial(prob_V, 1, generator=generators[sentence])
        for prob_V, sentence in zip(prob_BV, sentences, strict=True)
    ]
    return torch.cat(tokens).to(log_prob_BV.device)


def distribution(logits_BV: Tensor, settings: DecodingSettings) -> Tensor:
    """Return prob_BV to draw from: softmax(logits / temperature) over the tokens that `top_k`, then `top_p` keep.

    `top_k` keeps the most probable tokens (Fan et al. 2018), `top_p` the fewest tokens with this total probability
    (nucleus sampling, Holtzman et al. 2020).
    """
    # The maximum is subtracted first: a low temperature would push large logits out of the range of float32.
    logits_BV = (logits_BV - logits_BV.amax(-1, keepdim=True)) / settings.temperature
    if settings.top_k:
        best = logits_BV.topk(min(settings.top_k, logits_BV.shape[-1]), -1)
        logits_BV = torch.full_like(logits_BV, -torch.inf).scatter(-1, best.indices, best.values)
    if settings.top_p < 1.0:
        sorted_BV, order_BV = logits_BV.sort(-1, descending=True)
        prob_BV = sorted_BV.softmax(-1)
        beyond_BV = prob_BV.cumsum(-1) - prob_BV >= settings.top_p  # the tokens before it already reach top_p
        beyond_BV[:, 0] = False  # keep the best token even if `top_p` underflows to 0 in float32
        logits_BV = logits_BV.masked_fill(beyond_BV.scatter(-1, order_BV, beyond_BV), -torch.inf)
    return logits_BV.softmax(-1)
