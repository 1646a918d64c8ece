"""The training objective: a batch in, its summed loss out."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from translator.models.interface import AnyModel
from translator.ops.choice import Ops
from translator.ops.threads import Workers
from translator.text.batches import Batch


class Objective(nn.Module):
    """Cross-entropy, summed over the real target tokens of a batch; with label smoothing in training mode only.

    A sum, not a mean: the losses of micro-batches and processes, divided by the number of all their tokens, add up to the
    mean loss of one big batch. With `ops.compile` the forward pass of the model is compiled, once for all shapes.
    """

    def __init__(
        self,
        model: AnyModel,
        *,
        label_smoothing: float,
        ops: Ops,
        workers: Workers | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Initialise the objective; `workers` compute micro-batches side by side, None computes them in sequence."""
        super().__init__()
        self.model, self.label_smoothing, self.ops, self.notify = model, label_smoothing, ops, notify
        self.workers = workers
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
        hidden_BTD = run_model(batch.source_BS, batch.mask_BS, batch.previous_BT)
        hidden_MD, target_M = hidden_BTD.flatten(0, 1), batch.target_BT.flatten()
        if batch.real_M is not None:
            hidden_MD, target_M = hidden_MD.index_select(0, batch.real_M), target_M.index_select(0, batch.real_M)
        smoothing, counts_M = self.label_smoothing if self.training else 0.0, batch.counts_M
        return self.ops.output_loss(
            hidden_MD, *self.model.output, target_M, label_smoothing=smoothing, counts_M=counts_M
        )

    def gives_up_compiling(self, error: BaseException) -> bool:
        """Stop using the compiled model after an error; returns False if none was used."""
        if not self.compiles:
            return False
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        self.notify(f"ops.compile: the compiled model failed ({reason}); training continues without it")
        self.compiles, self.compiled = False, None
        return True
