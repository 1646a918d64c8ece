"""The loop of greedy search and sampling: one hypothesis a sentence, one word after another."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, make_hypothesis
from translator.decoding.settings import DecodingSettings
from translator.decoding.words import forbidden_words, log_probs_of
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS

Choose: TypeAlias = Callable[[Tensor, list[int]], Tensor]
"""Of logits_BV and the numbers of their sentences in the batch, the next word_B."""


@dataclass
class Growing:
    """The translation of one sentence, as far as it goes."""

    number: int
    longest: int
    ids: list[int] = field(default_factory=list)
    log_prob: float = 0.0
    is_finished: bool = False

    def take(self, word: int, log_prob: float) -> bool:
        """Add a word and say whether another may follow. At the longest length nothing is added but the end mark."""
        self.is_finished = word == EOS
        if not self.is_finished and len(self.ids) == self.longest:
            return False
        self.log_prob += log_prob
        if not self.is_finished:
            self.ids.append(word)
        return not self.is_finished

    def hypothesis(self, alpha: float) -> Hypothesis:
        """What has become of it."""
        return make_hypothesis(tuple(self.ids), self.log_prob, alpha=alpha, is_finished=self.is_finished)


@torch.inference_mode()
def decode_single(
    model: AnyModel, source_BS: Tensor, *, mask_BS: Tensor, settings: DecodingSettings, choose: Choose
) -> list[Hypothesis]:
    """One hypothesis for each sentence; those that have ended leave the batch."""
    lengths, possible = mask_BS.sum(1).tolist(), model.max_target_length
    sentences = [Growing(row, settings.longest(length, possible)) for row, length in enumerate(lengths)]
    live, length = sentences, 0
    state = model.start(model.encode(source_BS, mask_BS), 1)
    word_B = source_BS.new_full((len(live),), BOS)
    while live:
        hidden_B1D, state = model.advance(word_B.unsqueeze(1), state)
        logits_BV = model.output.logits(hidden_B1D.squeeze(1))
        word_B, log_prob_B = next_words(logits_BV, length, settings=settings, live=live, choose=choose)
        taken = zip(live, word_B.tolist(), log_prob_B.tolist(), strict=True)
        going = [row for row, (sentence, word, log_prob) in enumerate(taken) if sentence.take(word, log_prob)]
        if 0 < len(going) < len(live):
            row_B = torch.tensor(going, device=source_BS.device)
            word_B, state = word_B[row_B], state.keep(row_B)
        live = [live[row] for row in going]
        length += 1
    return [sentence.hypothesis(settings.length_penalty) for sentence in sentences]


def next_words(
    logits_BV: Tensor, length: int, *, settings: DecodingSettings, live: list[Growing], choose: Choose
) -> tuple[Tensor, Tensor]:
    """(word_B, log_prob_B): what is chosen among the words allowed after `length` pieces, and its probability."""
    log_prob_BV = log_probs_of(logits_BV)
    log_prob_BV[:, forbidden_words(length, settings.min_length)] = -math.inf
    word_B = choose(log_prob_BV, [sentence.number for sentence in live])
    return word_B, log_prob_BV.gather(1, word_B.unsqueeze(1)).squeeze(1)
