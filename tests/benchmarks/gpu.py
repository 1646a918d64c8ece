"""How fast a GPU trains: `make bench-gpu` prints one `figure value unit` a line, and says so where there is none.

    TRANSLATOR_MULTI30K=multi30k make bench-gpu
    TRANSLATOR_MULTI30K=multi30k make bench-gpu BENCH="--minutes 5"      and how long it takes to each validation's BLEU

The fast path, the same without the compiler, and the plain path take turns over the same updates.
"""

import argparse
import os
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch

from tests.benchmarks.figures import show
from tests.benchmarks.trainings import begun, outcomes_of
from translator.config import load_config
from translator.jobs.train.events import Validation, Watchers
from translator.jobs.train.run_loop import Training
from translator.jobs.train.train import train_run

CONFIG = Path(__file__).parent.parent.parent / "configs" / "multi30k-transformer-gpu.toml"
PATHS = {
    "fast": [],
    "uncompiled": ["ops.compile=false"],
    "plain": ["ops.fast=false", "ops.compile=false", "ops.precision=fp32"],
}
WARM_UP, UPDATES, REPEATS = 40, 100, 3


def overrides(path: str) -> list[str]:
    """The settings of a path, and where the corpus is."""
    folder = os.environ.get("TRANSLATOR_MULTI30K")
    found = ["corpus.format=files", f"corpus.folder={folder}"] if folder else []
    return [*found, "training.steps=100000", *PATHS[path]]


def figures(path: str, training: Training) -> dict[str, float]:
    """Real target tokens a second, and the share of the time that kernels ran."""
    is_bf16 = training.objective.ops.product_dtype == torch.bfloat16  # as `begin` sets it, for the whole process
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = is_bf16
    outcomes = outcomes_of(training)
    list(islice(outcomes, WARM_UP))
    torch.cuda.synchronize()
    began = time.monotonic()
    num_tokens = sum(outcome.report.num_tokens for outcome in islice(outcomes, UPDATES))
    torch.cuda.synchronize()
    seconds = time.monotonic() - began
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        list(islice(outcomes, UPDATES))
        torch.cuda.synchronize()
    working = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    return {
        f"gpu.{path}.tokens_per_second": num_tokens / seconds,
        f"gpu.{path}.updates_per_second": UPDATES / seconds,
        f"gpu.{path}.share_of_time_that_it_works": working / seconds,
    }


class Clock(Watchers):
    """Prints each validation with the seconds since the start, everything included."""

    def __init__(self) -> None:
        super().__init__()
        self.start = time.monotonic()

    def validated(self, validation: Validation) -> None:
        """One line."""
        show(f"gpu.validation.{validation.step}.bleu", validation.bleu)
        show(f"gpu.validation.{validation.step}.seconds", time.monotonic() - self.start)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description="How fast a GPU trains.")
    parser.add_argument("--minutes", type=float, default=0, help="then train so long from cold, and show BLEU in time")
    parser.add_argument("--seeds", type=int, default=1, help="with so many seeds")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        why = "torch was built without CUDA" if torch.version.cuda is None else "none is found"
        sys.exit(f"bench-gpu: needs a GPU ({why}); `make bench` measures the CPU")
    show(f"gpu.{torch.cuda.get_device_name()}.torch_{torch.__version__}", 1, "device")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trainings = {path: begun(CONFIG, overrides(path), folder / path, device="cuda") for path in PATHS}
        speeds: dict[str, list[float]] = {path: [] for path in PATHS}
        for _ in range(REPEATS):
            for path, training in trainings.items():
                found = figures(path, training)
                speeds[path].append(found[f"gpu.{path}.tokens_per_second"])
                for figure, value in found.items():
                    show(figure, value)
        for other in ("uncompiled", "plain"):
            ratios = sorted(a / b for a, b in zip(speeds["fast"], speeds[other], strict=True))
            show(f"ratio.gpu.fast.over.{other}", ratios[len(ratios) // 2], "times")
        show("gpu.peak.megabytes", torch.cuda.max_memory_allocated() / 1e6)
        for seed in range(1, options.seeds + 1) if options.minutes else ():
            changes = [f"training.max_minutes={options.minutes}", f"training.seed={seed}"]
            corpus = [one for one in overrides("fast") if one.startswith("corpus.")]
            config = load_config(CONFIG, [*corpus, *changes])
            train_run(config, folder / f"seed-{seed}", device=torch.device("cuda"), watcher=Clock())


if __name__ == "__main__":
    main()
