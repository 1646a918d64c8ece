"""Dropout (Srivastava et al. 2014) with masks made from random bytes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_THREAD = threading.local()

ROUNDING = "on a CPU rounded to a multiple of 1/256 unless ops.fast is false"
"""Part of the description of every dropout setting."""


def byte_dropout(x: Tensor, probability: float) -> Tensor:
    """Apply dropout with the probability rounded to a multiple of 1/256, and a scale that keeps the mean exactly.

    A probability of 0.1 becomes 26/256 = 0.1016, and one of at most 1/512 becomes 0. On a CPU the library draws one Bernoulli
    variable at a time; drawing eight bytes at a time is more than 10 times as fast.
    """
    threshold = threshold_of(probability)  # a byte below it drops its element
    # The mask has the type of x, so that the product converts nothing, and is computed in place.
    return x * random_bytes(x.shape).to(x.dtype).ge_(threshold).mul_(256 / (256 - threshold))


def threshold_of(probability: float) -> int:
    """Return the number below which a uniform byte lies with this probability, rounded to a multiple of 1/256."""
    # A threshold of 256 would drop everything.
    return min(round(probability * 256), 255)


@contextmanager
def draw_from(generator: torch.Generator) -> Iterator[None]:
    """Draw the dropout masks of this thread from `generator` inside the block."""
    _THREAD.generator = generator
    try:
        yield
    finally:
        _THREAD.generator = None


def random_bytes(shape: torch.Size) -> Tensor:
    """Return uniform bytes from the generator of this thread, else from the CPU's default one, as checkpoints save it."""
    generator = getattr(_THREAD, "generator", None)
    # Draw 64-bit integers over their whole range and view each as eight bytes.
    words = torch.empty((shape.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    return words.view(torch.uint8)[: shape.numel()].view(shape)
