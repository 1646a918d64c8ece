"""`Ops`: which form of each operation runs, chosen once from the settings and the machine and passed to every layer."""

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from translator.errors import MachineError
from translator.ops.consistency import ChunkedPairLoss, PairWeights, plain_pair_loss
from translator.ops.dropout import byte_dropout, random_bytes, threshold_of
from translator.ops.linear import compiled_linear, cpu_capabilities, gains_by_rounding, rounded_linear, short_linear
from translator.ops.loss import ChunkedOutputLoss
from translator.ops.threads import Workers
from translator.settings import Settings

Precision = Literal["auto", "fp32", "bf16"]

_IGNORED = -100
"""The target that the library's cross-entropy leaves out."""


class OpsSettings(Settings):
    """`[ops]`: how the arithmetic is done. These settings change speed and rounding, never what is computed."""

    fast: bool = Field(True, description="use the fast forms of operations; false uses the plain ones only")
    precision: Precision = Field(
        "auto", description="type of the operands of matrix products; auto uses bf16 if it is faster"
    )
    compile: bool = Field(False, description="let torch.compile fuse the forward pass of a Transformer in training")
    capture: bool | Literal["auto"] = Field(
        "auto", description="record each training update as a CUDA graph and replay it; auto does so on a GPU"
    )


@dataclass(frozen=True)
class Ops:
    """The operations that layers call. The default is the plain forms in fp32."""

    fast: bool = False
    product_dtype: torch.dtype = torch.float32
    compiles: bool = False  # the forward pass is compiled in training
    captures: bool = False  # training updates are recorded as CUDA graphs

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stays_short: bool = False) -> Tensor:
        """Return x W^T + b over the last axis; operands of large products are rounded to `product_dtype`.

        The result has the type of W. With `stays_short` a GPU returns it in `product_dtype`, which spares conversions
        where a matrix product comes next or where it is added to a longer type.
        """
        if self.product_dtype.itemsize >= weight.dtype.itemsize or not gains_by_rounding(x, weight):
            return (compiled_linear if self.fast else functional.linear)(x, weight, bias)
        if x.device.type == "cpu":
            return rounded_linear(x, weight, bias, self.product_dtype)
        product = short_linear(x, weight, bias, self.product_dtype)
        return product if stays_short else product.to(weight.dtype)

    def dropout(self, x: Tensor, probability: float, training: bool) -> Tensor:
        """Zero each element with `probability` and scale the others to keep the mean."""
        if not training or probability == 0.0:
            return x
        if self.fast and x.device.type == "cpu" and not self.compiles:
            return byte_dropout(x, probability)
        return functional.dropout(x, probability)

    def draw_mask(self, shape: torch.Size, probability: float, device: torch.device) -> Tensor:
        """Return a mask that is True with this probability, on a CPU rounded to a multiple of 1/256."""
        if device.type == "cpu":
            return random_bytes(shape) < threshold_of(probability)
        return torch.rand(shape, device=device) < probability

    def output_loss(
        self,
        hidden_MD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor,
        target_M: Tensor,
        *,
        label_smoothing: float,
        counts_M: Tensor | None = None,
    ) -> Tensor:
        """Return the label-smoothed cross-entropy of hidden_MD W^T + b against target_M, summed over the rows that count.

        `counts_M` is False in rows to be left out; None counts all of them.
        """
        if self.fast:
            total: Tensor = ChunkedOutputLoss.apply(  # type: ignore[no-untyped-call]
                hidden_MD, weight_VD, bias_V, target_M, counts_M, label_smoothing, self.product_dtype
            )
            return total
        logits_MV = self.linear(hidden_MD, weight_VD, bias_V)
        if counts_M is not None:
            target_M = target_M.masked_fill(~counts_M, _IGNORED)
        return functional.cross_entropy(logits_MV, target_M, label_smoothing=label_smoothing, reduction="sum")

    def pair_loss(
        self,
        hidden_2MD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor,
        target_M: Tensor,
        *,
        label_smoothing: float,
        weights: PairWeights,
        counts_M: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of two views of the same targets, see `ops/consistency.py`, summed over the rows that count."""
        if self.fast:
            total: Tensor = ChunkedPairLoss.apply(  # type: ignore[no-untyped-call]
                hidden_2MD, weight_VD, bias_V, target_M, counts_M, label_smoothing, self.product_dtype, weights
            )
            return total
        logits_2MV = self.linear(hidden_2MD, weight_VD, bias_V)
        return plain_pair_loss(logits_2MV, target_M, counts_M, label_smoothing=label_smoothing, weights=weights)


def choose_ops(settings: OpsSettings, device: torch.device) -> Ops:
    """Return the operations for this machine. Raises MachineError if it lacks bf16 products or CUDA graphs that are set."""
    has_bf16 = multiplies_bf16(device)
    if settings.precision == "bf16" and not has_bf16:
        problem = f"found 'bf16', but this {device.type} has no bf16 matrix products"
        raise MachineError("ops.precision", problem, "use 'fp32' or 'auto'")
    if settings.capture is True and device.type != "cuda":
        raise MachineError("ops.capture", f"found true, but the device {device.type} has no CUDA graphs", "use 'auto'")
    rounds = settings.precision == "bf16" or (settings.precision == "auto" and settings.fast and has_bf16)
    captures = device.type == "cuda" and not settings.compile and settings.capture is not False
    return Ops(settings.fast, torch.bfloat16 if rounds else torch.float32, settings.compile, captures)


def choose_workers(settings: OpsSettings, device: torch.device) -> Workers | None:
    """Return a thread pool for the parts of a batch if the fast forms run uncompiled on a CPU, else None."""
    return Workers() if settings.fast and device.type == "cpu" and not settings.compile else None


def multiplies_bf16(device: torch.device) -> bool:
    """Return whether the device has instructions for bf16 matrix products and does not emulate them."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = cpu_capabilities()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
