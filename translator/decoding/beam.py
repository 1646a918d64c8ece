"""Beam search: the `beam_size` best beginnings of every sentence, all extended together.

An end mark among the best `beam_size` extensions finishes a hypothesis. A sentence is done when `beam_size` of them are
finished, or when no beginning can still beat the worst of its `num_best`: a beginning's log-probability can only fall,
and its length penalty is largest at the longest length. So one beam is greedy search, and a beam over everything is
exhaustive search.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, length_penalty, make_hypothesis, ranked
from translator.decoding.settings import DecodingSettings
from translator.decoding.words import best_words, forbidden_words
from translator.models.interface import AnyModel, Output
from translator.text.tokenizer import BOS, EOS


@torch.inference_mode()
def beam(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings) -> list[list[Hypothesis]]:
    """The `num_best` hypotheses of each sentence, best first."""
    lengths, possible = mask_BS.sum(1).tolist(), model.max_target_length
    searches = [SentenceSearch(settings.longest(length, possible), settings) for length in lengths]
    live, beams = searches, first_beams(source_BS)
    state = model.start(model.encode(source_BS, mask_BS), 1)
    while live:
        hidden_BND, state = model.advance(beams.words[:, :, -1], state)
        extensions = extend(hidden_BND, beams, output=model.output, settings=settings)
        set_aside(live, beams, extensions=extensions.first(settings.beam_size))
        extensions = going_on(extensions, settings.beam_size)
        going = still_going(live, beams, best_B=extensions.log_probs[:, 0])
        if 0 < len(going) < len(live):
            row_B = torch.tensor(going, device=source_BS.device)
            state, beams, extensions = state.keep(row_B), beams.keep(row_B), extensions.keep(row_B)
        live = [live[row] for row in going]
        if live:
            beams, state = beams.grow(extensions), state.reorder(extensions.parents)
    return [search.results() for search in searches]


class Extensions(NamedTuple):
    """Continuations of each sentence's beginnings by one word, best first."""

    parents: Tensor  # (B, C): which beginning
    words: Tensor  # (B, C)
    log_probs: Tensor  # (B, C): of all words together

    def first(self, count: int) -> "Extensions":
        """The best of each sentence."""
        return Extensions(self.parents[:, :count], self.words[:, :count], self.log_probs[:, :count])

    def keep(self, row_B: Tensor) -> "Extensions":
        """Those of the sentences that stay."""
        return Extensions(self.parents[row_B], self.words[row_B], self.log_probs[row_B])


class Beams(NamedTuple):
    """The beginnings that go on: of one length, and best first."""

    words: Tensor  # (B, N, T), the begin mark first
    log_probs: Tensor  # (B, N), minus infinity where a sentence has fewer

    @property
    def length(self) -> int:
        """Pieces so far."""
        return self.words.shape[2] - 1

    def keep(self, row_B: Tensor) -> "Beams":
        """Those of the sentences that stay."""
        return Beams(self.words[row_B], self.log_probs[row_B])

    def grow(self, extensions: Extensions) -> "Beams":
        """The beginnings that the extensions lead to."""
        parent_BNT = extensions.parents.unsqueeze(2).expand(-1, -1, self.words.shape[2])
        word_BNT = torch.cat((self.words.gather(1, parent_BNT), extensions.words.unsqueeze(2)), 2)
        return Beams(word_BNT, extensions.log_probs)


def first_beams(source_BS: Tensor) -> Beams:
    """One beginning a sentence: the begin mark."""
    shape = (len(source_BS), 1)
    return Beams(source_BS.new_full((*shape, 1), BOS), torch.zeros(shape, device=source_BS.device))


@dataclass
class SentenceSearch:
    """What has been found for one sentence."""

    longest: int
    settings: DecodingSettings
    finished: list[Hypothesis] = field(default_factory=list)
    cut: list[Hypothesis] = field(default_factory=list)

    def add(self, ids: list[int], log_prob: float, *, is_finished: bool) -> None:
        """Set a hypothesis aside."""
        alpha = self.settings.length_penalty
        hypothesis = make_hypothesis(tuple(ids), log_prob, alpha=alpha, is_finished=is_finished)
        (self.finished if is_finished else self.cut).append(hypothesis)

    def is_done(self, best_log_prob: float) -> bool:
        """Whether the search may stop, `best_log_prob` being the best beginning's."""
        if len(self.finished) < self.settings.num_best:
            return False
        if len(self.finished) >= self.settings.beam_size:
            return True
        bound = best_log_prob / length_penalty(self.longest + 1, self.settings.length_penalty)
        return bound <= self.results()[-1].score

    def results(self) -> list[Hypothesis]:
        """The best of those that ended; where they are too few, those that were cut follow."""
        return ranked([*self.finished, *self.cut], self.settings.num_best)


def extend(hidden_BND: Tensor, beams: Beams, *, output: Output, settings: DecodingSettings) -> Extensions:
    """The best 2 x beam_size continuations of each sentence: at most half of them end, so that enough go on."""
    num_words = min(2 * settings.beam_size, len(output.bias))
    forbidden = forbidden_words(beams.length, settings.min_length)
    log_prob_RC, word_RC = best_words(hidden_BND.flatten(0, 1), output, num_words=num_words, forbidden=forbidden)
    log_prob_BX = (log_prob_RC + beams.log_probs.view(-1, 1)).view(len(hidden_BND), -1)
    log_prob_BC, index_BC = log_prob_BX.topk(min(2 * settings.beam_size, log_prob_BX.shape[1]), -1)
    return Extensions(index_BC // num_words, word_RC.view(len(hidden_BND), -1).gather(1, index_BC), log_prob_BC)


def set_aside(live: list[SentenceSearch], beams: Beams, *, extensions: Extensions) -> None:
    """Finish the beginnings that these extensions end."""
    ends_BC = (extensions.words == EOS) & (extensions.log_probs > -math.inf)
    row_E, rank_E = ends_BC.nonzero(as_tuple=True)
    ids_ET = beams.words[row_E, extensions.parents[row_E, rank_E], 1:]
    log_prob_E = extensions.log_probs[row_E, rank_E]
    for row, ids, log_prob in zip(row_E.tolist(), ids_ET.tolist(), log_prob_E.tolist(), strict=True):
        live[row].add(ids, log_prob, is_finished=True)


def going_on(extensions: Extensions, beam_size: int) -> Extensions:
    """The best `beam_size` extensions that do not end; minus infinity where there are fewer."""
    log_prob_BC = extensions.log_probs.masked_fill(extensions.words == EOS, -math.inf)
    log_prob_BN, rank_BN = log_prob_BC.topk(min(beam_size, log_prob_BC.shape[1]), -1)
    return Extensions(extensions.parents.gather(1, rank_BN), extensions.words.gather(1, rank_BN), log_prob_BN)


def still_going(live: list[SentenceSearch], beams: Beams, *, best_B: Tensor) -> list[int]:
    """The rows of sentences that are not done. At its greatest length, what there is of a sentence is cut."""
    going = []
    for row, (search, best) in enumerate(zip(live, best_B.tolist(), strict=True)):
        if search.is_done(best):
            continue
        if beams.length < search.longest:
            going.append(row)
            continue
        for ids, log_prob in zip(beams.words[row, :, 1:].tolist(), beams.log_probs[row].tolist(), strict=True):
            if log_prob > -math.inf:
                search.add(ids, log_prob, is_finished=False)
    return going
