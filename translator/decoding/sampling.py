"""Sampling: the next word is drawn, from all words or from the most probable ones.

Each sentence draws from a generator of its own, seeded by the setting and by its own pieces, so that neither its batch
nor its place in a file changes what it gets.
"""

import hashlib
from functools import partial

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, ranked
from translator.decoding.settings import DecodingSettings
from translator.decoding.single import decode_single
from translator.models.interface import AnyModel


def sampling(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings) -> list[list[Hypothesis]]:
    """`num_best` independent draws a sentence, best first; pieces that were drawn twice are returned once."""
    sources = [row_S[real_S].tolist() for row_S, real_S in zip(source_BS, mask_BS, strict=True)]
    drawn = []
    for draw in range(settings.num_best):
        generators = [generator_of(ids, settings.seed, draw) for ids in sources]
        choose = partial(drawn_words, generators=generators, settings=settings)
        drawn.append(decode_single(model, source_BS, mask_BS=mask_BS, settings=settings, choose=choose))
    return [ranked(found, settings.num_best) for found in zip(*drawn, strict=True)]


def generator_of(ids: list[int], seed: int, draw: int) -> torch.Generator:
    """A generator that depends on the sentence, the seed and the number of the draw alone."""
    digest = hashlib.sha256(repr((ids, seed, draw)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def drawn_words(
    logits_BV: Tensor, sentences: list[int], *, generators: list[torch.Generator], settings: DecodingSettings
) -> Tensor:
    """The next word_B of these sentences, each drawn from its sentence's generator, always on the CPU."""
    prob_BV = distribution(logits_BV, settings).cpu()
    words = [
        torch.multinomial(prob_V, 1, generator=generators[sentence])
        for prob_V, sentence in zip(prob_BV, sentences, strict=True)
    ]
    return torch.cat(words).to(logits_BV.device)


def distribution(logits_BV: Tensor, settings: DecodingSettings) -> Tensor:
    """prob_BV to draw from: softmax(logits / temperature) over the words that `top_k` and then `top_p` leave."""
    logits_BV = (logits_BV - logits_BV.amax(-1, keepdim=True)) / settings.temperature
    if settings.top_k:
        logits_BV = most_probable_words(logits_BV, settings.top_k)
    if settings.top_p < 1.0:
        logits_BV = nucleus(logits_BV, settings.top_p)
    return logits_BV.softmax(-1)


def most_probable_words(logits_BV: Tensor, top_k: int) -> Tensor:
    """The logits of the `top_k` best words (Fan et al. 2018), else minus infinity."""
    best = logits_BV.topk(min(top_k, logits_BV.shape[-1]), -1)
    return torch.full_like(logits_BV, -torch.inf).scatter(-1, best.indices, best.values)


def nucleus(logits_BV: Tensor, top_p: float) -> Tensor:
    """The logits of the fewest words that hold `top_p` of all (Holtzman et al. 2020), else minus infinity."""
    sorted_BV, order_BV = logits_BV.sort(-1, descending=True)
    prob_BV = sorted_BV.softmax(-1)
    beyond_BV = prob_BV.cumsum(-1) - prob_BV >= top_p
    beyond_BV[:, 0] = False  # the best word stays, also where `top_p` is nothing to a float32
    return logits_BV.masked_fill(beyond_BV.scatter(-1, order_BV, beyond_BV), -torch.inf)
