"""The one callable of training: a batch in, its summed loss and its number of target tokens out."""

from torch import Tensor, nn

from translator.models.interface import AnyModel
from translator.ops.choice import Ops
from translator.text.batches import Batch


class Objective(nn.Module):
    """Label-smoothed cross-entropy of the real target tokens; padding never reaches the output layer.

    Losses are sums, so that micro-batches and processes add up to one big batch once divided by all their tokens.
    """

    def __init__(self, model: AnyModel, *, label_smoothing: float, ops: Ops) -> None:
        super().__init__()
        self.model, self.label_smoothing, self.ops = model, label_smoothing, ops

    def forward(self, batch: Batch) -> tuple[Tensor, int]:
        """(the loss summed over target tokens in nats, how many there are)."""
        hidden_BTD = self.model(batch.source_BS, batch.mask_BS, batch.previous_BT)
        hidden_MD = hidden_BTD.flatten(0, 1).index_select(0, batch.real_M)
        target_M = batch.target_BT.flatten().index_select(0, batch.real_M)
        weight_VD, bias_V = self.model.output
        loss = self.ops.output_loss(hidden_MD, weight_VD, bias_V, target_M, label_smoothing=self.label_smoothing)
        return loss, batch.num_tokens
