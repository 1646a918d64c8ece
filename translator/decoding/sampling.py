"""Sampling: the next word is drawn, from all words or from the most probable ones.

Each sentence draws from a generator of its own, seeded by the setting and by its own pieces, so that neither its batch
nor its place in a file changes what it gets.
"""

import hashlib

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis
from translator.decoding.settings import DecodingSettings
from translator.decoding.single import decode_single
from translator.models.interface import AnyModel


def sampling(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings) -> list[list[Hypothesis]]:
    """`num_best` independent draws a sentence, best first; equal ones are returned once."""
    drawn: list[list[Hypothesis]] = [[] for _ in source_BS]
    for draw in range(settings.num_best):
        generators = [
            generator_of(row_S[real_S].tolist(), settings.seed, draw)
            for row_S, real_S in zip(source_BS, mask_BS, strict=True)
        ]

        def choose(logits_BV: Tensor, sentences: list[int], generators: list[torch.Generator] = generators) -> Tensor:
            prob_BV = truncated(logits_BV / settings.temperature, settings).softmax(-1).cpu()
            words = [
                torch.multinomial(prob_V, 1, generator=generators[sentence])
                for prob_V, sentence in zip(prob_BV, sentences, strict=True)
            ]
            return torch.cat(words).to(logits_BV.device)

        for found, hypothesis in zip(drawn, decode_single(model, source_BS, mask_BS, settings, choose), strict=True):
            found.append(hypothesis)
    return [sorted(set(found), key=lambda one: -one.score) for found in drawn]


def generator_of(ids: list[int], seed: int, draw: int) -> torch.Generator:
    """A generator that depends on the sentence, the seed and the number of the draw alone."""
    digest = hashlib.sha256(repr((ids, seed, draw)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def truncated(logits_BV: Tensor, settings: DecodingSettings) -> Tensor:
    """The logits with all but the `top_k` best words (Fan et al. 2018) and the `top_p` nucleus (Holtzman et al. 2020) gone."""
    if settings.top_k:
        lowest_B1 = logits_BV.topk(min(settings.top_k, logits_BV.shape[-1]), -1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < lowest_B1, -torch.inf)
    if settings.top_p < 1.0:
        sorted_BV, order_BV = logits_BV.sort(-1, descending=True)
        prob_BV = sorted_BV.softmax(-1)
        beyond_BV = prob_BV.cumsum(-1) - prob_BV >= settings.top_p
        logits_BV = logits_BV.masked_fill(beyond_BV.scatter(1, order_BV, beyond_BV), -torch.inf)
    return logits_BV
