"""The loop that greedy search and sampling share: one hypothesis per sentence, extended by one token at a time."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, make_hypothesis
from translator.decoding.next_tokens import forbidden_tokens, log_probs
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS

Choose: TypeAlias = Callable[[Tensor, list[int]], Tensor]
"""Maps log_prob_BV and each row's sentence number to the next token_B; forbidden tokens have minus infinity."""


@dataclass
class _PartialHypothesis:
    """The unfinished translation of one sentence."""

    sentence: int
    max_length: int
    ids: list[int] = field(default_factory=list)
    log_prob: float = 0.0
    is_finished: bool = False

    def extend(self, token: int, log_prob: float) -> bool:
        """Append a token and return whether another may follow. At the maximum length only EOS is accepted."""
        self.is_finished = token == EOS
        if not self.is_finished and len(self.ids) == self.max_length:
            return False
        self.log_prob += log_prob
        if not self.is_finished:
            self.ids.append(token)
        return not self.is_finished

    def finish(self, alpha: float) -> Hypothesis:
        return make_hypothesis(tuple(self.ids), self.log_prob, alpha=alpha, is_finished=self.is_finished)


@torch.inference_mode()
def decode_single(
    model: AnyModel, source_BS: Tensor, *, mask_BS: Tensor, settings: DecodingSettings, choose: Choose
) -> list[Hypothesis]:
    """Return one hypothesis per sentence. Finished sentences leave the batch."""
    lengths, limit = mask_BS.sum(1).tolist(), model.max_target_length
    hypotheses = [
        _PartialHypothesis(row, settings.max_target_length(length, limit)) for row, length in enumerate(lengths)
    ]
    live, length = hypotheses, 0
    state = model.start(model.encode(source_BS, mask_BS), 1)
    token_B = source_BS.new_full((len(live),), BOS)
    while live:
        hidden_B1D, state = model.advance(token_B.unsqueeze(1), state)
        log_prob_BV = log_probs(model.output.logits(hidden_B1D.squeeze(1)))
        log_prob_BV[:, forbidden_tokens(length, settings.min_length)] = -math.inf
        token_B = choose(log_prob_BV, [hypothesis.sentence for hypothesis in live])
        log_prob_B = log_prob_BV.gather(1, token_B.unsqueeze(1)).squeeze(1)
        extensions = zip(live, token_B.tolist(), log_prob_B.tolist(), strict=True)
        rows = [row for row, (partial, token, log_prob) in enumerate(extensions) if partial.extend(token, log_prob)]
        if 0 < len(rows) < len(live):
            row_B = torch.tensor(rows, device=source_BS.device)
            token_B, state = token_B[row_B], state.keep(row_B)
        live = [live[row] for row in rows]
        length += 1
    return [hypothesis.finish(settings.length_penalty) for hypothesis in hypotheses]
