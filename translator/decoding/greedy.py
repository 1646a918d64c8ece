"""Greedy search: always the most probable next token."""

from torch import Tensor

from translator.decoding.hypothesis import Hypothesis
from translator.decoding.next_tokens import fast_topk
from translator.decoding.rules import Prefixes
from translator.decoding.settings import DecodingSettings
from translator.decoding.single import decode_single
from translator.models.interface import AnyModel


def greedy(
    model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings, prefixes: Prefixes = ()
) -> list[list[Hypothesis]]:
    """Return one hypothesis per sentence."""

    def most_probable(log_prob_BV: Tensor, _sentences: list[int]) -> Tensor:
        return fast_topk(log_prob_BV, 1)[1].squeeze(1)  # three times as fast as `argmax` for 6,000 tokens

    hypotheses = decode_single(
        model, source_BS, mask_BS=mask_BS, settings=settings, choose=most_probable, prefixes=prefixes
    )
    return [[hypothesis] for hypothesis in hypotheses]
