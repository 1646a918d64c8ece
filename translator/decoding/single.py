"""The loop of greedy search and sampling: one hypothesis a sentence, one word after another."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from translator.decoding.hypothesis import Hypothesis, make_hypothesis
from translator.decoding.settings import DecodingSettings
from translator.decoding.words import allowed_, log_totals
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS

Choose: TypeAlias = Callable[[Tensor, list[int]], Tensor]
"""Of logits_BV and the numbers of their sentences, the next word_B."""


@torch.inference_mode()
def decode_single(
    model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings, choose: Choose
) -> list[Hypothesis]:
    """One hypothesis for each sentence; those that have ended leave the batch."""
    state = model.start(model.encode(source_BS, mask_BS), 1)
    sentences = list(range(len(source_BS)))
    longest = [settings.longest(length) for length in mask_BS.sum(1).tolist()]
    words: list[list[int]] = [[] for _ in sentences]
    log_probs = [0.0] * len(sentences)
    previous_B1 = source_BS.new_full((len(sentences), 1), BOS)
    while sentences:
        logits_B1V, state = model.advance(previous_B1, state)
        total_B = log_totals(logits_B1V)[:, 0]
        logits_BV = allowed_(logits_B1V, len(words[sentences[0]]), settings.min_length)[:, 0]
        word_B = choose(logits_BV, sentences)
        gained_B = logits_BV.gather(1, word_B.unsqueeze(1)).squeeze(1) - total_B
        for sentence, word, gained in zip(sentences, word_B.tolist(), gained_B.tolist(), strict=True):
            words[sentence].append(word)
            log_probs[sentence] += gained
        going = [row for row, one in enumerate(sentences) if words[one][-1] != EOS and len(words[one]) < longest[one]]
        if len(going) < len(sentences):
            row_B = torch.tensor(going, dtype=torch.int64, device=source_BS.device)
            sentences = [sentences[row] for row in going]
            state, word_B = state.keep(row_B), word_B[row_B]
        previous_B1 = word_B.unsqueeze(1)
    return [
        make_hypothesis(
            tuple(word for word in found if word != EOS),
            log_prob,
            alpha=settings.length_penalty,
            is_finished=found[-1] == EOS,
        )
        for found, log_prob in zip(words, log_probs, strict=True)
    ]
