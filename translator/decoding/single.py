"""The loop that greedy search and sampling share: one hypothesis per sentence, extended by one token at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, make_hypothesis
from translator.decoding.next_tokens import log_probs
from translator.decoding.rules import NextTokenRules, Prefixes
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
    model: AnyModel,
    source_BS: Tensor,
    *,
    mask_BS: Tensor,
    settings: DecodingSettings,
    choose: Choose,
    prefixes: Prefixes = (),
) -> list[Hypothesis]:
    """Return one hypothesis per sentence. Finished sentences leave the batch."""
    rules = NextTokenRules(model, source_BS, mask_BS, settings, prefixes)
    hypotheses = [_PartialHypothesis(row, max_length) for row, max_length in enumerate(rules.max_lengths)]
    live, sentence_B = hypotheses, torch.arange(len(hypotheses), device=source_BS.device)
    state = model.start(model.encode(source_BS, mask_BS), 1)
    tokens_BT = source_BS.new_full((len(live), 1), BOS)
    while live:
        hidden_B1D, state = model.advance(tokens_BT[:, -1:], state)
        log_prob_BV = log_probs(model.output.logits(hidden_B1D.squeeze(1)))
        rules.apply(log_prob_BV, tokens_BT[:, 1:], sentence_B)
        token_B = choose(log_prob_BV, [hypothesis.sentence for hypothesis in live])
        log_prob_B = log_prob_BV.gather(1, token_B.unsqueeze(1)).squeeze(1)
        extensions = zip(live, token_B.tolist(), log_prob_B.tolist(), strict=True)
        rows = [row for row, (partial, token, log_prob) in enumerate(extensions) if partial.extend(token, log_prob)]
        tokens_BT = torch.cat((tokens_BT, token_B.unsqueeze(1)), 1)
        if 0 < len(rows) < len(live):
            row_B = torch.tensor(rows, device=source_BS.device)
            tokens_BT, sentence_B, state = tokens_BT[row_B], sentence_B[row_B], state.keep(row_B)
        live = [live[row] for row in rows]
    return [hypothesis.finish(settings.length_penalty) for hypothesis in hypotheses]
