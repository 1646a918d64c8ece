"""Which tokens may follow a partial hypothesis: what every search obeys, whatever the model finds probable.

Special tokens are never generated, a minimum length is reached, and every translation has each slot (`text/protected.py`) exactly
as often as its source. On request, translations start with given tokens and do not repeat n-grams.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS, FIRST_SLOT, PAD, UNK

SUPPRESSED = [PAD, UNK, BOS]
"""Tokens that are never generated. UNK is among them: with byte fallback, which spells every character, no model needs it."""

Prefixes: TypeAlias = Sequence[Sequence[int]]
"""The tokens that the translation of each sentence must start with; empty if no sentence has any."""
_FREE = -1
"""In place of a token after the end of a prefix."""


class NextTokenRules:
    """Restricts what may follow the partial hypotheses of a batch of sources."""

    def __init__(
        self,
        model: AnyModel,
        source_BS: Tensor,
        mask_BS: Tensor,
        settings: DecodingSettings,
        prefixes: Prefixes = (),
    ) -> None:
        self._min_length, self._ngram_size = settings.min_length, settings.no_repeat_ngram
        longest = max(map(len, prefixes), default=0)
        padded = [[*prefix, *[_FREE] * (longest - len(prefix))] for prefix in prefixes]
        self._prefix_BP = torch.tensor(padded, dtype=torch.long, device=source_BS.device).view(len(padded), longest)
        self._slot_K = torch.arange(FIRST_SLOT, FIRST_SLOT + model.num_slots, device=source_BS.device)
        self._required_BK = self._count_slots(source_BS)
        limit = model.max_target_length
        self.max_lengths = [
            settings.max_target_length(length, limit, num_slots=num_slots, prefix_length=prefix_length)
            for length, num_slots, prefix_length in zip(
                mask_BS.sum(1).tolist(),
                self._required_BK.sum(1).tolist(),
                map(len, prefixes or [()] * len(source_BS)),
                strict=True,
            )
        ]
        self._max_length_B = torch.tensor(self.max_lengths, device=source_BS.device)

    def apply(self, log_prob_RV: Tensor, tokens_RT: Tensor, sentence_R: Tensor) -> None:
        """Give minus infinity to the tokens that may not follow the partial hypotheses `tokens_RT` of these sentences."""
        length = tokens_RT.shape[1]
        has_prefix = length < self._prefix_BP.shape[1]
        # A prefix may break the rules below.
        free_RV = log_prob_RV.clone() if has_prefix else log_prob_RV
        if 0 < self._ngram_size <= length:
            self._forbid_repeated_ngrams(log_prob_RV, tokens_RT)
        log_prob_RV[:, [*SUPPRESSED, EOS] if length < self._min_length else SUPPRESSED] = -math.inf
        if len(self._slot_K):
            self._require_slots(
                log_prob_RV,
                self._required_BK[sentence_R] - self._count_slots(tokens_RT),
                self._max_length_B[sentence_R] - length,
            )
        if has_prefix:
            token_R1 = self._prefix_BP[sentence_R, length].unsqueeze(1)
            forced_RV = torch.full_like(free_RV, -math.inf)
            forced_RV.scatter_(1, token_R1.clamp(min=0), free_RV.gather(1, token_R1.clamp(min=0)))
            # After the end of a prefix, the model chooses.
            torch.where(token_R1 == _FREE, log_prob_RV, forced_RV, out=log_prob_RV)

    def _forbid_repeated_ngrams(self, log_prob_RV: Tensor, tokens_RT: Tensor) -> None:
        """Forbid tokens that would complete an n-gram for the second time (Paulus et al. 2018); slots may repeat."""
        ngram_RWN = tokens_RT.unfold(1, self._ngram_size, 1)
        # The last n - 1 tokens, which a repeated n-gram would start with.
        start_R1N = tokens_RT[:, tokens_RT.shape[1] - self._ngram_size + 1 :].unsqueeze(1)
        last_RW = ngram_RWN[:, :, -1]
        is_repeated_RW = (ngram_RWN[:, :, :-1] == start_R1N).all(2)
        is_repeated_RW &= (last_RW < FIRST_SLOT) | (last_RW >= FIRST_SLOT + len(self._slot_K))
        row_X, place_X = is_repeated_RW.nonzero(as_tuple=True)
        log_prob_RV[row_X, last_RW[row_X, place_X]] = -math.inf

    def _require_slots(self, log_prob_RV: Tensor, missing_RK: Tensor, num_left_R: Tensor) -> None:
        """Forbid slots that are not missing, and EOS while others are.

        Where EOS would be the most probable token, or only as many places as missing slots are left, a missing slot must follow.
        Otherwise the model decides where slots stand and in which order.
        """
        slots = slice(FIRST_SLOT, FIRST_SLOT + len(self._slot_K))
        log_prob_RV[:, slots].masked_fill_(missing_RK <= 0, -math.inf)
        num_missing_R = missing_RK.sum(1)
        is_forced_R = (num_missing_R > 0) & ((log_prob_RV.argmax(1) == EOS) | (num_missing_R >= num_left_R))
        log_prob_RV[:, EOS].masked_fill_(num_missing_R > 0, -math.inf)
        for others in (slice(0, slots.start), slice(slots.stop, None)):
            log_prob_RV[:, others].masked_fill_(is_forced_R.unsqueeze(1), -math.inf)

    def _count_slots(self, tokens_RT: Tensor) -> Tensor:
        """Return count_RK, how often each slot occurs in each row."""
        return (tokens_RT.unsqueeze(2) == self._slot_K).sum(1)
