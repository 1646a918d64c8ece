"""The training objective: a batch in, its summed loss out."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from translator.errors import first_line
from translator.models.interface import AnyModel
from translator.ops.choice import Ops
from translator.ops.threads import Workers
from translator.text.batches import Batch
from translator.text.tokenizer import PAD
from translator.training.consistency import Consistency


class Objective(nn.Module):
    """Cross-entropy, summed over the real target tokens of a batch; in training mode with label smoothing and consistency.

    A sum, not a mean: the losses of micro-batches and processes, divided by the number of all their tokens, add up to the
    mean loss of one big batch. With `ops.compile` the forward pass of the model is compiled, once for all shapes.
    """

    def __init__(
        self,
        model: AnyModel,
        *,
        label_smoothing: float,
        ops: Ops,
        consistency: Consistency | None = None,
        workers: Workers | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Initialise the objective; `workers` compute micro-batches side by side, None computes them in sequence."""
        super().__init__()
        self.model, self.label_smoothing, self.ops, self.notify = model, label_smoothing, ops, notify
        self.consistency, self.workers = consistency, workers
        self.compiles = ops.compiles and model.may_compile
        self.compiled: Callable[..., Tensor] | None = None

    def forward(self, batch: Batch) -> Tensor:
        """Return the summed loss in nats."""
        run_model: Callable[..., Tensor] = self.model
        if self.compiles and self.training:
            if self.compiled is None:
                self.notify("compiling the model's forward and backward pass; the first updates wait for it")
                torch._logging.set_logs(dynamo=logging.ERROR, inductor=logging.ERROR)  # type: ignore[attr-defined]
                self.compiled = torch.compile(self.model.forward, dynamic=True)
            run_model = self.compiled
        hidden_MD, target_M = _real_rows(run_model, batch)
        smoothing, counts_M = self.label_smoothing if self.training else 0.0, batch.counts_M
        if self.consistency is None or not self.training:
            return self.ops.output_loss(
                hidden_MD, *self.model.output, target_M, label_smoothing=smoothing, counts_M=counts_M
            )
        second_MD, _ = _real_rows(run_model, self._with_cuts(batch, self.consistency.cut))
        return self.ops.pair_loss(
            torch.stack((hidden_MD, second_MD)),
            *self.model.output,
            target_M,
            label_smoothing=smoothing,
            weights=self.consistency.weights,
            counts_M=counts_M,
        )

    def _with_cuts(self, batch: Batch, share: float) -> Batch:
        """Return the batch with this share of its input tokens replaced by PAD, whose embedding is zero."""
        if not share:
            return batch
        source_BS, previous_BT = (
            ids.masked_fill(self.ops.draw_mask(ids.shape, share, ids.device), PAD)
            for ids in (batch.source_BS, batch.previous_BT)
        )
        return batch._replace(source_BS=source_BS, previous_BT=previous_BT)

    def gives_up_compiling(self, error: BaseException) -> bool:
        """Stop using the compiled model after an error; returns False if none was used."""
        if not self.compiles:
            return False
        self.notify(f"ops.compile: the compiled model failed ({first_line(error)}); training continues without it")
        self.compiles, self.compiled = False, None
        return True


def _real_rows(run_model: Callable[..., Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
    """Return (hidden_MD, target_M) of the real target tokens; of a static batch, of all positions."""
    hidden_BTD = run_model(batch.source_BS, batch.mask_BS, batch.previous_BT)
    hidden_MD, target_M = hidden_BTD.flatten(0, 1), batch.target_BT.flatten()
    if batch.real_M is None:
        return hidden_MD, target_M
    return hidden_MD.index_select(0, batch.real_M), target_M.index_select(0, batch.real_M)
