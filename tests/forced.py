"""Forced decoding, the yardstick of every search: what a model thinks of given translations, in one pass over all positions."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, PAD


@torch.inference_mode()
def forced_log_probs(model: AnyModel, source_BS: Tensor, mask_BS: Tensor, target_BT: Tensor) -> Tensor:
    """log_prob_B of each target given its source: the sum over whatever target_BT holds but PAD.

    A search reports the same number for a hypothesis that it found, its end mark included if it is finished.
    """
    previous_BT = torch.cat((torch.full_like(target_BT[:, :1], BOS), target_BT[:, :-1]), 1)
    hidden_BTD = model.forward(source_BS, mask_BS, previous_BT)
    real_BT = target_BT != PAD
    logits_MV = linear(hidden_BTD[real_BT], *model.output)
    log_prob_M = -cross_entropy(logits_MV, target_BT[real_BT], reduction="none")
    return log_prob_M.new_zeros(target_BT.shape).masked_scatter(real_BT, log_prob_M).sum(1)
