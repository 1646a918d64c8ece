"""Greedy search: always the most probable next word."""

from torch import Tensor

from translator.decoding.hypothesis import Hypothesis
from translator.decoding.settings import DecodingSettings
from translator.decoding.single import decode_single
from translator.decoding.words import largest
from translator.models.interface import AnyModel


def greedy(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings) -> list[list[Hypothesis]]:
    """One hypothesis a sentence."""
    found = decode_single(model, source_BS, mask_BS=mask_BS, settings=settings, choose=most_probable)
    return [[hypothesis] for hypothesis in found]


def most_probable(logits_BV: Tensor, _sentences: list[int]) -> Tensor:
    """The best word_B."""
    return largest(logits_BV, 1)[1].squeeze(1)  # for so many words, several times as fast as `argmax`
