"""Forced decoding: the log probabilities of given translations, to compare search results with."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, PAD


@torch.inference_mode()
def forced_log_probs(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, target_BT: Tensor) -> Tensor:
    """Return log_prob_B of each target given its source, summed over all tokens but PAD.

    A search reports the same number for its hypothesis, including the end token if the hypothesis is finished.
    """
    previous_BT = torch.cat((torch.full_like(target_BT[:, :1], BOS), target_BT[:, :-1]), 1)
    hidden_BTD = model.forward(source_BS, mask_BS, previous_BT)
    real_BT = target_BT != PAD
    logits_MV = linear(hidden_BTD[real_BT], *model.output)
    log_prob_M = -cross_entropy(logits_MV, target_BT[real_BT], reduction="none")
    return log_prob_M.new_zeros(target_BT.shape).masked_scatter(real_BT, log_prob_M).sum(1)
