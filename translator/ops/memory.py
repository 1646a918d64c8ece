"""How much memory this process has used at most."""

import sys
from typing import NamedTuple

import torch

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]


class PeakMemory(NamedTuple):
    """Bytes; None where the system does not tell, or there is no such device."""

    process: int | None
    device: int | None

    def __str__(self) -> str:
        parts = [(self.process, "memory"), (self.device, "GPU memory")]
        return ", ".join(f"{amount / 1e6:,.0f} MB {kind}" for amount, kind in parts if amount is not None)


def peak_memory(device: torch.device) -> PeakMemory:
    """Return the most memory that this process has used so far, and that it has reserved on a GPU."""
    unit = 1 if sys.platform == "darwin" else 1024
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit if resource else None
    return PeakMemory(process, torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None)
