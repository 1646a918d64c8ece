"""Forced decoding: how probable a model finds given translations, token by token."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from translator.decoding.next_tokens import CHUNK_ELEMENTS, log_probs
from translator.models.interface import AnyModel
from translator.text.batches import Batch, EncodedLines, EncodedPairs, TokenBatches

_BATCH_TOKENS = 4096


def score_tokens(
    model: AnyModel, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Return the log-probability of each token of each target, given its source, which ends in EOS."""
    results: list[list[float]] = [[] for _ in targets]
    pairs = EncodedPairs(EncodedLines.of(sources), EncodedLines.of(targets))
    batches = TokenBatches(pairs, batch_tokens=_BATCH_TOKENS, pool_size=len(targets), seed=0)
    for sentences in batches.cut(np.arange(len(targets))):
        log_prob_BT = forced_log_probs(model, pairs.batch(sentences).to(model.output.weight.device))
        for number, log_prob_T in zip(sentences.tolist(), log_prob_BT.tolist(), strict=True):
            results[number] = log_prob_T[: len(targets[number])]
    return results


@torch.inference_mode()
def forced_log_probs(model: AnyModel, batch: Batch) -> Tensor:
    """Return log_prob_BT of each target token given the source and the tokens before it.

    Their sum over a finished hypothesis is the log-probability that a search reports. Places without a token have no meaning.
    """
    hidden_MD = model(batch.source_BS, batch.mask_BS, batch.previous_BT).flatten(0, 1)
    # Logits of this many rows are in memory at a time.
    num_rows = max(1, CHUNK_ELEMENTS // len(model.output.bias))
    log_prob_chunks = []
    for hidden_RD, target_R in zip(
        torch.split(hidden_MD, num_rows), torch.split(batch.target_BT.flatten(), num_rows), strict=True
    ):
        log_prob_RV = log_probs(model.output.logits(hidden_RD))
        log_prob_chunks.append(log_prob_RV.gather(1, target_R.unsqueeze(1)).squeeze(1))
    return torch.cat(log_prob_chunks).view_as(batch.target_BT)
