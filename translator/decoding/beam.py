"""Beam search: the `beam_size` best partial hypotheses of every sentence, all extended together.

EOS among the `beam_size` best extensions finishes a hypothesis. A sentence is done when no partial hypothesis can still beat
the worst of the `num_best`: log-probabilities only fall, and the length penalty is largest at the maximum length. With
early stopping it is also done when `beam_size` hypotheses are finished, so a beam of size 1 is greedy search. A beam
that holds everything is exhaustive search.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, length_penalty, make_hypothesis, ranked
from translator.decoding.next_tokens import best_tokens
from translator.decoding.rules import NextTokenRules, Prefixes
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel, Output
from translator.text.tokenizer import BOS, EOS


@torch.inference_mode()
def beam(
    model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings, prefixes: Prefixes = ()
) -> list[list[Hypothesis]]:
    """Return the `num_best` hypotheses of each sentence, best first."""
    rules = NextTokenRules(model, source_BS, mask_BS, settings, prefixes)
    searches = [_SentenceSearch(max_length, settings) for max_length in rules.max_lengths]
    live, beams = searches, _initial_beams(source_BS)
    state = model.start(model.encode(source_BS, mask_BS), 1)
    while live:
        hidden_BND, state = model.advance(beams.tokens[:, :, -1], state)
        extensions = _extend(hidden_BND, beams, output=model.output, rules=rules, beam_size=settings.beam_size)
        _finish(live, beams, extensions=extensions.first(settings.beam_size))
        extensions = _prune(extensions, settings.beam_size)
        rows = _unfinished_rows(live, beams, best_B=extensions.log_probs[:, 0])
        if 0 < len(rows) < len(live):
            row_B = torch.tensor(rows, device=source_BS.device)
            state, beams, extensions = state.keep(row_B), beams.keep(row_B), extensions.keep(row_B)
        live = [live[row] for row in rows]
        if live:
            beams, state = beams.advance(extensions), state.reorder(extensions.parents)
    return [search.results() for search in searches]


class _Extensions(NamedTuple):
    """Partial hypotheses extended by one token, of each sentence the best first."""

    parents: Tensor  # (B, C): index of the partial hypothesis that is extended
    tokens: Tensor  # (B, C)
    log_probs: Tensor  # (B, C): of the whole sequence

    def first(self, count: int) -> "_Extensions":
        return _Extensions(self.parents[:, :count], self.tokens[:, :count], self.log_probs[:, :count])

    def keep(self, row_B: Tensor) -> "_Extensions":
        """Keep only these sentences."""
        return _Extensions(self.parents[row_B], self.tokens[row_B], self.log_probs[row_B])


class _Beams(NamedTuple):
    """The partial hypotheses, all of one length, of each sentence the best first."""

    tokens: Tensor  # (B, N, T), BOS included
    log_probs: Tensor  # (B, N), minus infinity where a sentence has fewer than N
    sentences: Tensor  # (B,), numbers of the sentences in the batch

    @property
    def length(self) -> int:
        """Tokens so far, without BOS."""
        return self.tokens.shape[2] - 1

    def keep(self, row_B: Tensor) -> "_Beams":
        """Keep only these sentences."""
        return _Beams(self.tokens[row_B], self.log_probs[row_B], self.sentences[row_B])

    def advance(self, extensions: _Extensions) -> "_Beams":
        """Replace the partial hypotheses by their extensions."""
        parent_BNT = extensions.parents.unsqueeze(2).expand(-1, -1, self.tokens.shape[2])
        token_BNT = torch.cat((self.tokens.gather(1, parent_BNT), extensions.tokens.unsqueeze(2)), 2)
        return self._replace(tokens=token_BNT, log_probs=extensions.log_probs)


def _initial_beams(source_BS: Tensor) -> _Beams:
    """Return one partial hypothesis per sentence that holds only BOS, so that the first step costs one row."""
    shape = (len(source_BS), 1)
    sentence_B = torch.arange(len(source_BS), device=source_BS.device)
    return _Beams(source_BS.new_full((*shape, 1), BOS), torch.zeros(shape, device=source_BS.device), sentence_B)


@dataclass
class _SentenceSearch:
    """The hypotheses of one sentence that are complete so far."""

    max_length: int
    settings: DecodingSettings
    finished: list[Hypothesis] = field(default_factory=list)
    truncated: list[Hypothesis] = field(default_factory=list)

    def add(self, ids: list[int], log_prob: float, *, is_finished: bool) -> None:
        alpha = self.settings.length_penalty
        hypothesis = make_hypothesis(tuple(ids), log_prob, alpha=alpha, is_finished=is_finished)
        (self.finished if is_finished else self.truncated).append(hypothesis)

    def is_done(self, best_log_prob: float) -> bool:
        """Return whether the search may stop; `best_log_prob` is that of the best partial hypothesis."""
        if len(self.finished) < self.settings.num_best:
            return False
        if self.settings.early_stopping and len(self.finished) >= self.settings.beam_size:
            return True
        # The best score that a partial hypothesis can still reach: + 1 for EOS.
        bound = best_log_prob / length_penalty(self.max_length + 1, self.settings.length_penalty)
        return bound <= self.results()[-1].score

    def results(self) -> list[Hypothesis]:
        """Return the `num_best` hypotheses; truncated ones only where there are too few finished ones."""
        return ranked([*self.finished, *self.truncated], self.settings.num_best)


def _extend(hidden_BND: Tensor, beams: _Beams, *, output: Output, rules: NextTokenRules, beam_size: int) -> _Extensions:
    """Return the best 2 x beam_size extensions of each sentence; at most half end in EOS, so enough remain."""
    num_tokens = min(2 * beam_size, len(output.bias))
    log_prob_RC, token_RC = best_tokens(
        hidden_BND.flatten(0, 1),
        output,
        num_tokens=num_tokens,
        rules=rules,
        tokens_RT=beams.tokens[:, :, 1:].flatten(0, 1),
        sentence_R=beams.sentences.repeat_interleave(beams.tokens.shape[1]),
    )
    # All extensions of a sentence in one row, so an index divided by num_tokens is the parent's index.
    log_prob_BX = (log_prob_RC + beams.log_probs.view(-1, 1)).view(len(hidden_BND), -1)
    # A tiny vocabulary has fewer than 2 x beam_size extensions in the first step.
    log_prob_BC, index_BC = log_prob_BX.topk(min(2 * beam_size, log_prob_BX.shape[1]), -1)
    return _Extensions(index_BC // num_tokens, token_RC.view(len(hidden_BND), -1).gather(1, index_BC), log_prob_BC)


def _finish(live: list[_SentenceSearch], beams: _Beams, *, extensions: _Extensions) -> None:
    """Finish the partial hypotheses that are extended by EOS."""
    ends_BC = (extensions.tokens == EOS) & (extensions.log_probs > -math.inf)
    row_E, rank_E = ends_BC.nonzero(as_tuple=True)
    ids_ET = beams.tokens[row_E, extensions.parents[row_E, rank_E], 1:]
    log_prob_E = extensions.log_probs[row_E, rank_E]
    for row, ids, log_prob in zip(row_E.tolist(), ids_ET.tolist(), log_prob_E.tolist(), strict=True):
        live[row].add(ids, log_prob, is_finished=True)


def _prune(extensions: _Extensions, beam_size: int) -> _Extensions:
    """Keep the best `beam_size` extensions without EOS; where there are fewer, the rest have minus infinity."""
    log_prob_BC = extensions.log_probs.masked_fill(extensions.tokens == EOS, -math.inf)
    log_prob_BN, rank_BN = log_prob_BC.topk(min(beam_size, log_prob_BC.shape[1]), -1)
    return _Extensions(extensions.parents.gather(1, rank_BN), extensions.tokens.gather(1, rank_BN), log_prob_BN)


def _unfinished_rows(live: list[_SentenceSearch], beams: _Beams, *, best_B: Tensor) -> list[int]:
    """Return the rows of the sentences that are not done. At the maximum length, partial hypotheses are truncated."""
    rows = []
    for row, (search, best) in enumerate(zip(live, best_B.tolist(), strict=True)):
        if search.is_done(best):
            continue
        if beams.length < search.max_length:
            rows.append(row)
            continue
        for ids, log_prob in zip(beams.tokens[row, :, 1:].tolist(), beams.log_probs[row].tolist(), strict=True):
            if log_prob > -math.inf:
                search.add(ids, log_prob, is_finished=False)
    return rows
