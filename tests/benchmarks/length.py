"""`make bench-length`: time and memory of each attention mechanism as sequences get longer.

Measures the forward and backward pass of one attention module of width 256 with 4 heads on one sequence of 128 to 16,384
positions: the median time of three passes and the peak memory of a separate process. A length that would need more than 8 GB is
predicted from the last doubling and not run. Then prints the exponents fitted to the last three doublings and the length
from which each mechanism is faster than `full` with the fused kernel of the library, and draws both curves.
"""

import math
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from tests.benchmarks.figures import show
from translator.attention import MECHANISMS
from translator.attention.build import build_attention
from translator.attention.core import Attention, Site
from translator.ops.choice import Ops

WIDTH, HEADS = 256, 4
LENGTHS = [128 * 2**doubling for doubling in range(8)]
MAX_BYTES = 8e9
PICTURE = Path(__file__).parent / "length.svg"
CASES: dict[str, dict[str, object]] = {
    "full, fused": {"mechanism": "full"},
    "full, plain": {"mechanism": "full"},
    "window": {"mechanism": "window", "window": 64},
    "linformer": {"mechanism": "linformer", "rank": 64, "max_length": LENGTHS[-1]},
    "performer": {"mechanism": "performer", "num_features": 64},
    "flash": {"mechanism": "flash"},
}


class Cost(NamedTuple):
    """Time and memory of one length."""

    seconds: float
    bytes: float  # peak, minus what the process used before
    is_predicted: bool = False


def build(name: str) -> Attention:
    """Return the attention module of an encoder layer."""
    table = {**CASES[name], "num_heads": HEADS}
    settings = MECHANISMS[str(table["mechanism"])].settings.model_validate(table)
    site = Site("encoder", name, WIDTH, WIDTH, causal=False, project_value=True)
    return build_attention(settings, site, ops=Ops(fast="plain" not in name))


def resident(field: str) -> float:
    """Return the bytes that this process uses now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(name: str, length: int) -> Cost:
    """Return the cost of a pass, from three passes after a warm-up."""
    attention, x_BSD = build(name), torch.randn(1, length, WIDTH, requires_grad=True)
    before, seconds = resident("VmRSS"), []
    for _ in range(4):
        began = time.monotonic()
        attention(x_BSD, attention.make_memory(x_BSD, None))[0].sum().backward()
        seconds.append(time.monotonic() - began)
    return Cost(median(seconds[1:]), resident("VmHWM") - before)


def measure_separately(name: str, length: int) -> Cost:
    """Call `measure` in a separate process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (name, length))


def predict(costs: list[Cost]) -> Cost:
    """Predict the next doubling, which grows by the same factor as the last one."""
    return Cost(costs[-1].seconds ** 2 / costs[-2].seconds, costs[-1].bytes ** 2 / costs[-2].bytes, True)


def measure_curve(name: str) -> list[Cost]:
    """Measure and print the cost of every length."""
    costs: list[Cost] = []
    for length in LENGTHS:
        guess = predict(costs) if len(costs) > 2 else None
        cost = guess if guess and guess.bytes > MAX_BYTES else measure_separately(name, length)
        costs.append(cost)
        label, note = name.replace(", ", "."), "  predicted" if cost.is_predicted else ""
        show(f"length.{label}.{length}.milliseconds", cost.seconds * 1000, note=note)
        show(f"length.{label}.{length}.megabytes", cost.bytes / 1e6, note=note)
    return costs


def exponent(costs: list[Cost], value: Callable[[Cost], float]) -> float:
    """Fit the exponent of the growth to the last three doublings: 1 is linear, 2 is quadratic."""
    points = [(math.log2(length), math.log2(value(cost))) for length, cost in zip(LENGTHS, costs, strict=True)][-4:]
    centre = sum(x for x, _ in points) / len(points)
    return sum((x - centre) * y for x, y in points) / sum((x - centre) ** 2 for x, _ in points)


def draw(curves: dict[str, list[Cost]]) -> None:
    """Draw both curves; each mechanism has its own marker as well as its own colour."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, label, scale, field in ((axes[0], "milliseconds", 1e3, 0), (axes[1], "megabytes", 1e-6, 1)):
        for mark, (name, costs) in zip("os^Dvx", curves.items(), strict=True):
            axis.loglog(LENGTHS, [cost[field] * scale for cost in costs], marker=mark, label=name)
        axis.set(xlabel="positions", ylabel=label, title=f"forward and backward, {label}")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(PICTURE)


def main() -> None:
    """Measure all mechanisms, print the exponents and draw the curves."""
    curves = {name: measure_curve(name) for name in CASES}
    for name, costs in curves.items():
        label = name.replace(", ", ".")
        show(f"length.{label}.time.exponent", exponent(costs, lambda cost: cost.seconds))
        show(f"length.{label}.memory.exponent", exponent(costs, lambda cost: cost.bytes))
        faster = [
            n
            for n, cost, full in zip(LENGTHS, costs, curves["full, fused"], strict=True)
            if cost.seconds < full.seconds
        ]
        if name != "full, fused":
            show(f"length.{label}.faster_than_fused_from.positions", faster[0] if faster else math.inf)
    draw(curves)
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    main()
