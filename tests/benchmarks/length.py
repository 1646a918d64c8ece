"""`make bench-length`: time and memory of each attention mechanism, in each place that it serves, as sequences get longer.

Measures forward and backward pass of one attention module of width 256 with 4 heads on one sequence of 128 to 16,384
positions: CPU seconds of one thread, which other work on the machine hardly changes, the fastest of three passes; and the
peak memory of a process of its own. Once a pass would take more than 5 s or 4 GB, longer sequences are not measured but
predicted from the last doubling. Then prints the exponents fitted to the last three measured doublings, and the length
from which a mechanism is faster than `full` with the library's fused kernel, and draws all curves.
"""

import math
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from tests.benchmarks.figures import show
from translator.attention import MECHANISMS
from translator.attention.build import build_attention
from translator.attention.core import Attention, Site
from translator.attention.interface import Place
from translator.ops.choice import Ops

WIDTH, HEADS = 256, 4
LENGTHS = [128 * 2**doubling for doubling in range(8)]
MAX_BYTES, MAX_SECONDS = 4e9, 5.0
PICTURE = Path(__file__).parent / "length.svg"
PLACES: tuple[Place, ...] = ("encoder", "decoder", "cross")
BASE = "full.fused"
CASES: dict[str, dict[str, object]] = {
    BASE: {"mechanism": "full"},
    "full.plain": {"mechanism": "full"},
    "window": {"mechanism": "window", "window": 64},
    "linformer": {"mechanism": "linformer", "rank": 64},
    "performer": {"mechanism": "performer", "num_features": 64},
    "flash": {"mechanism": "flash"},
}


class Cost(NamedTuple):
    """Time and memory of one length."""

    forward: float  # CPU seconds
    backward: float
    bytes: float  # peak, minus what the process used before
    is_predicted: bool = False

    @property
    def seconds(self) -> float:
        return self.forward + self.backward


def build(name: str, place: Place, length: int) -> Attention:
    """Return the attention module of a Transformer layer."""
    table = {**CASES[name], "num_heads": HEADS}
    if name == "linformer":
        table["max_length"] = length
    settings = MECHANISMS[str(table["mechanism"])].settings.model_validate(table)
    site = Site(place, name, WIDTH, WIDTH, causal=place == "decoder", project_value=True)
    return build_attention(settings, site, ops=Ops(fast="plain" not in name))


def resident(field: str) -> float:
    """Return the bytes that this process uses now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(name: str, place: Place, length: int) -> Cost:
    """Return the cost of a pass, from three passes after a warm-up."""
    torch.set_num_threads(1)
    attention, x_BSD = build(name, place, length), torch.randn(1, length, WIDTH, requires_grad=True)
    before, forward, backward = resident("VmRSS"), [], []
    for _ in range(4):
        began = time.process_time()
        if place == "cross":
            context_BTD, _ = attention(x_BSD, attention.make_memory(x_BSD, None))
        else:
            context_BTD, *_ = attention.attend_to_self(x_BSD, None)
        total = context_BTD.sum()
        forward.append(time.process_time() - began)
        total.backward()
        backward.append(time.process_time() - began - forward[-1])
    return Cost(min(forward[1:]), min(backward[1:]), resident("VmHWM") - before)


def measure_separately(name: str, place: Place, length: int) -> Cost:
    """Call `measure` in a child process. The parent computes nothing, so it has no threads that a fork would lose."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        return pool.submit(measure, name, place, length).result()


def predict(costs: list[Cost]) -> Cost:
    """Predict the next doubling, which grows by the same factor as the last one."""
    older, newer = costs[-2:]
    growth = [last**2 / first for first, last in zip(older[:3], newer[:3], strict=True)]
    return Cost(growth[0], growth[1], growth[2], is_predicted=True)


def measure_curve(name: str, place: Place) -> list[Cost]:
    """Measure and print the cost of every length."""
    costs: list[Cost] = []
    for length in LENGTHS:
        guess = predict(costs) if len(costs) > 2 else None
        is_large = guess is not None and (guess.bytes > MAX_BYTES or guess.seconds > MAX_SECONDS)
        cost = guess if guess is not None and is_large else measure_separately(name, place, length)
        costs.append(cost)
        label, note = f"length.{name}.{place}.{length}", "  predicted" if cost.is_predicted else ""
        show(f"{label}.forward.milliseconds", cost.forward * 1000, note=note)
        show(f"{label}.backward.milliseconds", cost.backward * 1000, note=note)
        show(f"{label}.megabytes", cost.bytes / 1e6, note=note)
    return costs


def exponent(costs: list[Cost], value: Callable[[Cost], float]) -> float:
    """Fit the exponent of the growth to the last three measured doublings: 1 is linear, 2 is quadratic."""
    points = [
        (math.log2(length), math.log2(value(cost)))
        for length, cost in zip(LENGTHS, costs, strict=True)
        if not cost.is_predicted
    ][-4:]
    centre = sum(x for x, _ in points) / len(points)
    return sum((x - centre) * y for x, y in points) / sum((x - centre) ** 2 for x, _ in points)


def summarize(name: str, place: Place, costs: list[Cost], base: list[Cost]) -> None:
    """Print the exponents, and from which length the mechanism is faster than the fused kernel at every length."""
    label = f"length.{name}.{place}"
    show(f"{label}.forward.exponent", exponent(costs, lambda cost: cost.forward))
    show(f"{label}.backward.exponent", exponent(costs, lambda cost: cost.backward))
    show(f"{label}.memory.exponent", exponent(costs, lambda cost: cost.bytes))
    if name != BASE:
        start = math.inf
        for length, cost, fused in zip(reversed(LENGTHS), reversed(costs), reversed(base), strict=True):
            if cost.seconds >= fused.seconds:
                break
            start = length
        show(f"{label}.faster_than_fused_from.positions", start)


def draw(curves: dict[tuple[str, Place], list[Cost]]) -> None:
    """Draw time and memory in each place; each mechanism has its own marker as well as its own colour."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(PLACES), figsize=(12, 7), layout="constrained", sharex=True, sharey="row")
    marks = dict(zip(CASES, "os^Dvx", strict=True))
    for (name, place), costs in curves.items():
        style = {"marker": marks[name], "color": f"C{list(CASES).index(name)}", "label": name}
        column = PLACES.index(place)
        axes[0, column].loglog(LENGTHS, [cost.seconds * 1e3 for cost in costs], **style)
        axes[1, column].loglog(LENGTHS, [cost.bytes / 1e6 for cost in costs], **style)
    for column, place in enumerate(PLACES):
        axes[0, column].set(title=place)
        axes[1, column].set(xlabel="positions")
    axes[0, 0].set(ylabel="milliseconds of one thread, forward and backward")
    axes[1, 0].set(ylabel="megabytes")
    axes[0, 0].legend()
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    figure.savefig(PICTURE)


def main() -> None:
    """Measure all mechanisms in all places, print the exponents and draw the curves."""
    curves = {
        (name, place): measure_curve(name, place)
        for place in PLACES
        for name, table in CASES.items()
        if place in MECHANISMS[str(table["mechanism"])].places
    }
    for (name, place), costs in curves.items():
        summarize(name, place, costs, curves[BASE, place])
    draw(curves)
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    main()
