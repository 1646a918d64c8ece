"""The device that a command runs on."""

import re

import torch

from translator.errors import MachineError, UsageError
from translator.ops.choice import Ops

_DEVICE = r"cpu|cuda(:\d+)?"


def choose_device(name: str) -> torch.device:
    """Return the device of this name; 'auto' is a GPU if there is one. Raise MachineError if it does not exist."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(_DEVICE, name):
        cuda = re.sub("^gpu", "cuda", name.strip().lower())
        advice = f"did you mean {cuda}?" if re.fullmatch(_DEVICE, cuda) else ""
        raise UsageError("--device", f"found {name!r}, expected cpu, cuda, cuda:N or auto", advice)
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        why = "torch was built without CUDA" if torch.version.cuda is None else f"GPUs: {torch.cuda.device_count()}"
        raise MachineError("--device", f"CUDA requested but not available ({why})", "use --device cpu")
    return device


def configure_library(device: torch.device, ops: Ops) -> None:
    """Set torch's process-wide switches, before torch starts any threads.

    On a GPU, products in TF32 are allowed where products are rounded anyway. cuDNN's attention is switched off: it compiles
    a kernel for every new shape, which takes about a second each.
    """
    # MKL initialises its vector functions (exp, sin, cos, log) on the first call. If two threads make that call at the same
    # time, one thread occasionally computes different last digits until the process ends.
    torch.exp(torch.zeros(1))
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = ops.product_dtype == torch.bfloat16
        torch.backends.cuda.enable_cudnn_sdp(False)


def environment_of(device: torch.device, ops: Ops, num_processes: int) -> dict[str, str]:
    """Return what must be equal for two runs of one config to have bit-identical parameters."""
    is_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if is_gpu else device.type,
        "threads": str(torch.get_num_threads()),
        "processes": str(num_processes),
        "products": str(ops.product_dtype).removeprefix("torch."),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }
