"""Linear maps x W^T + b with faster matrix products than the library's.

`rounded_linear` rounds the operands to a shorter type. `compiled_linear`, for searches, uses a product compiled for its
shape and has no gradients.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

LEAST_PRODUCT = 2**22
"""Number of multiplications from which a compiled product pays off; compiling takes a millisecond."""
LEAST_ROUNDED = 2**24
"""Number of multiplications from which rounding the operands pays off on a CPU; on a GPU it always does."""
HAS_ONEDNN = hasattr(torch.ops.mkldnn, "_linear_pointwise")
ROWS_IN_OCTAVE = 16
"""How many different numbers of rows between n and 2 n products are compiled for."""


def cpu_capabilities() -> dict[str, Any]:
    """Return the name and the instruction sets of this CPU; empty if torch is too old to know."""
    return dict(torch.cpu.get_capabilities()) if hasattr(torch.cpu, "get_capabilities") else {}


IS_INTEL = "Intel" in str(cpu_capabilities().get("cpu_name"))


def compiled_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W^T + b, by oneDNN for large products without gradients on CPUs that are not Intel's.

    The library uses MKL, whose products take as long as oneDNN's on an Intel Xeon, and took twice as long on an AMD processor.
    """
    if gains_by_compiling(x, weight):
        rows = x.view(-1, x.shape[-1])
        product: Tensor = torch.ops.mkldnn._linear_pointwise(padded(rows, x.dtype), weight, bias, "none", [], "")
        return product[: len(rows)].view(*x.shape[:-1], len(weight))
    return functional.linear(x, weight, bias)


def gains_by_compiling(x: Tensor, weight: Tensor) -> bool:
    """Return whether oneDNN is faster than the library; with a slice of a matrix it is a thousand times slower."""
    is_large = x.numel() * len(weight) >= LEAST_PRODUCT and not torch.is_grad_enabled()
    is_whole = x.is_contiguous() and weight.is_contiguous()
    return HAS_ONEDNN and not IS_INTEL and is_large and is_whole and x.device.type == "cpu" and x.dtype == torch.float32


def rounded_up(num_rows: int) -> int:
    """Return the smallest number of rows >= num_rows that products are compiled for.

    Keeps the leading bits, as many as ROWS_IN_OCTAVE has, and rounds up the rest: at most 1/16 more rows.
    """
    shift = max(num_rows.bit_length() - ROWS_IN_OCTAVE.bit_length(), 0)
    # Shifting a negative number rounds down, so the number of rows is rounded up.
    return -(-num_rows >> shift) << shift


def padded(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the rows in `dtype`, on a CPU padded with zeros to one of few numbers of rows.

    oneDNN compiles each product for its shape, which takes a millisecond and megabytes, and no two batches have the same
    number of rows.
    """
    short = rows.to(dtype)
    missing = rounded_up(len(rows)) - len(rows) if rows.device.type == "cpu" else 0
    return torch.cat((short, short.new_zeros(missing, short.shape[1]))) if missing else short


def gains_by_rounding(x: Tensor, weight: Tensor) -> bool:
    """Return whether the product is large enough for rounded operands to be faster."""
    return x.device.type != "cpu" or x.numel() * len(weight) >= LEAST_ROUNDED


def rounded_linear(x: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return x W^T + b with x, W, the incoming gradient and each product rounded to `dtype`.

    Parameters and the sums of their gradients keep the type of x, like the master copies of Micikevicius et al. (2018).
    The operands saved for the backward pass take half the memory.
    """
    rows = x.reshape(-1, x.shape[-1])
    product = functional.linear(padded(rows, dtype), weight.to(dtype))
    mapped = (product if len(product) == len(rows) else product[: len(rows)]).to(x.dtype)
    return (mapped if bias is None else mapped.add_(bias)).view(*x.shape[:-1], len(weight))


def short_linear(x: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return x W^T + b in `dtype`, to which all operands are rounded, as `torch.autocast` does on a GPU.

    The gradients of W and b have the type of W and b, that of x has the type of x.
    """
    rows_MD = x.reshape(-1, x.shape[-1])
    product: Tensor = _ShortLinear.apply(rows_MD, weight, bias, dtype)  # type: ignore[no-untyped-call]
    return product.view(*x.shape[:-1], len(weight))


class _ShortLinear(Function):
    """The product and its gradients. The library computes the same, but sums the bias's gradient in one slow reduction."""

    @staticmethod
    def forward(ctx: Any, x_MD: Tensor, weight_FD: Tensor, bias_F: Tensor | None, dtype: torch.dtype) -> Tensor:
        short_MD, short_FD = x_MD.to(dtype), weight_FD.to(dtype)
        ctx.save_for_backward(short_MD, short_FD)
        ctx.x_dtype, ctx.dtype, ctx.has_bias = x_MD.dtype, weight_FD.dtype, bias_F is not None
        return functional.linear(short_MD, short_FD, None if bias_F is None else bias_F.to(dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_MF: Tensor) -> tuple[Tensor | None, ...]:
        short_MD, short_FD = ctx.saved_tensors
        grad_x = (grad_MF @ short_FD).to(ctx.x_dtype) if ctx.needs_input_grad[0] else None
        grad_weight = (grad_MF.T @ short_MD).to(ctx.dtype)
        return grad_x, grad_weight, column_sums(grad_MF, ctx.dtype) if ctx.has_bias else None, None


def column_sums(x_MF: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the sum over rows, added up in `dtype`.

    Two stages: one reduction over many rows of few columns would keep only a few of a GPU's processors busy.
    """
    num_groups = math.gcd(len(x_MF), 64)
    return x_MF.reshape(num_groups, -1, x_MF.shape[1]).sum(1, dtype=dtype).sum(0)
