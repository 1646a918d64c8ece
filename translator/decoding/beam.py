"""Beam search: the `beam_size` best beginnings of every sentence, all extended together.

A hypothesis that ends is set aside. A sentence is done when no beginning can still beat the worst of its `num_best`
finished ones: a beginning's log-probability can only fall, and its penalty is largest at the longest length.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, length_penalty, make_hypothesis
from translator.decoding.settings import DecodingSettings
from translator.decoding.words import allowed_, log_totals
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS


class Extensions(NamedTuple):
    """The best continuations of a sentence's beginnings, best first."""

    parent_BC: Tensor
    word_BC: Tensor
    log_prob_BC: Tensor


@dataclass
class Search:
    """What is kept of one sentence."""

    longest: int
    settings: DecodingSettings
    finished: list[Hypothesis] = field(default_factory=list)
    cut: list[Hypothesis] = field(default_factory=list)

    def finish(self, ids: tuple[int, ...], log_prob: float) -> None:
        """Set a hypothesis aside that has ended; only the `num_best` matter."""
        self.finished.append(make_hypothesis(ids, log_prob, alpha=self.settings.length_penalty, is_finished=True))
        self.finished.sort(key=lambda one: -one.score)
        del self.finished[self.settings.num_best :]

    def is_done(self, best_log_prob: float) -> bool:
        """Whether no beginning can get among the best, the best of them having this log-probability."""
        if best_log_prob == -math.inf:
            return True
        if len(self.finished) < self.settings.num_best:
            return False
        bound = best_log_prob / length_penalty(self.longest, self.settings.length_penalty)
        return bound <= self.finished[-1].score

    def results(self) -> list[Hypothesis]:
        """The finished ones; where there are too few, those that were cut at the longest length follow."""
        cut = sorted(self.cut, key=lambda one: -one.score)
        return [*self.finished, *cut][: self.settings.num_best]


@torch.inference_mode()
def beam(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings) -> list[list[Hypothesis]]:
    """The `num_best` hypotheses of each sentence, best first."""
    searches = [Search(settings.longest(length), settings) for length in mask_BS.sum(1).tolist()]
    live, size = list(searches), settings.beam_size
    state = model.start(model.encode(source_BS, mask_BS), 1)
    word_BNT = source_BS.new_full((len(live), 1, 1), BOS)
    log_prob_BN = torch.zeros(len(live), 1, device=source_BS.device)
    while live:
        length = word_BNT.shape[2] - 1
        logits_BNV, state = model.advance(word_BNT[:, :, -1], state)
        extensions = extend(logits_BNV, log_prob_BN, length, settings)
        log_prob_BN, chosen_BN = set_aside(live, extensions, word_BNT, size)
        parent_BN = extensions.parent_BC.gather(1, chosen_BN)
        word_BN1 = extensions.word_BC.gather(1, chosen_BN).unsqueeze(2)
        history_BNT = word_BNT.gather(1, parent_BN.unsqueeze(2).expand(-1, -1, length + 1))
        word_BNT = torch.cat((history_BNT, word_BN1), 2)
        going = still_going(live, word_BNT, log_prob_BN)
        state = state.reorder(parent_BN)
        if len(going) < len(live):
            row_B = torch.tensor(going, dtype=torch.int64, device=source_BS.device)
            live = [live[row] for row in going]
            state, word_BNT, log_prob_BN = state.keep(row_B), word_BNT[row_B], log_prob_BN[row_B]
    return [search.results() for search in searches]


def extend(logits_BNV: Tensor, log_prob_BN: Tensor, length: int, settings: DecodingSettings) -> Extensions:
    """The best 2 x beam_size continuations of each sentence: at most half of them end, so that enough go on."""
    num_parents, vocab_size = logits_BNV.shape[1:]
    base_BN1 = (log_prob_BN - log_totals(logits_BNV)).unsqueeze(2)
    logits_BNV = allowed_(logits_BNV, length, settings.min_length)
    num_best = min(2 * settings.beam_size, vocab_size)
    best_BNC, word_BNC = logits_BNV.topk(num_best, -1)
    total_BX = (best_BNC + base_BN1).flatten(1)
    log_prob_BC, index_BC = total_BX.topk(min(2 * settings.beam_size, num_parents * num_best), -1)
    return Extensions(index_BC // num_best, word_BNC.flatten(1).gather(1, index_BC), log_prob_BC)


def set_aside(live: list[Search], extensions: Extensions, word_BNT: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Finish what ends among the candidates; (log_prob_BN, chosen_BN): the best `size` that go on, as candidate numbers.

    An end that ranks below `size` going candidates is set aside too: it costs nothing and may score well.
    """
    ends_BC = extensions.word_BC == EOS
    for row, candidate in (ends_BC & extensions.log_prob_BC.isfinite()).nonzero().tolist():
        parent = int(extensions.parent_BC[row, candidate])
        live[row].finish(tuple(word_BNT[row, parent, 1:].tolist()), float(extensions.log_prob_BC[row, candidate]))
    going_BC = extensions.log_prob_BC.masked_fill(ends_BC, -math.inf)
    best = going_BC.topk(min(size, going_BC.shape[1]), -1)
    return best.values, best.indices


def still_going(live: list[Search], word_BNT: Tensor, log_prob_BN: Tensor) -> list[int]:
    """The rows of sentences that are not done; one at its longest length keeps its beginnings as cut."""
    going = []
    length = word_BNT.shape[2] - 1
    for row, (search, best) in enumerate(zip(live, log_prob_BN[:, 0].tolist(), strict=True)):
        if search.is_done(best):
            continue
        if length < search.longest:
            going.append(row)
            continue
        for ids, log_prob in zip(word_BNT[row, :, 1:].tolist(), log_prob_BN[row].tolist(), strict=True):
            if log_prob > -math.inf:
                alpha = search.settings.length_penalty
                search.cut.append(make_hypothesis(tuple(ids), log_prob, alpha=alpha, is_finished=False))
    return going
