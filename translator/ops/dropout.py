"""Dropout (Srivastava et al. 2014) whose mask is drawn as random bytes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def byte_dropout(x: Tensor, probability: float) -> Tensor:
    """Dropout with the probability rounded to a 256th and the scale to match, so that the mean is kept exactly.

    On a CPU the library draws one Bernoulli variable at a time; eight bytes at a time are about twenty times faster.
    The mask is of x's type, so that nothing is converted on the way there and back.
    """
    threshold = min(round(probability * 256), 255)
    return x * random_bytes(x.shape).to(x.dtype).ge_(threshold).mul_(256 / (256 - threshold))


THREAD = threading.local()


@contextmanager
def draws_from(generator: torch.Generator) -> Iterator[None]:
    """While the block runs, this thread's byte dropout draws from that generator."""
    THREAD.generator = generator
    try:
        yield
    finally:
        THREAD.generator = None


def random_bytes(shape: torch.Size) -> Tensor:
    """Uniform bytes from this thread's generator, or the CPU's default one, whose state a checkpoint holds."""
    generator = getattr(THREAD, "generator", None)
    words = torch.empty((shape.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    return words.view(torch.uint8)[: shape.numel()].view(shape)
