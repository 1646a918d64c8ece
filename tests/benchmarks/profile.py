"""`make bench-profile`: the share of each operation in the time of an update.

    make bench-profile BENCH="recurrent --precision fp32"

Everything is computed on one thread, so that no operation waits for another. The time of an operation does not include the
operations that it calls.
"""

import argparse
import tempfile
from itertools import islice
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from tests.benchmarks.__main__ import ARCHITECTURES, WARM_UP, start_training
from tests.benchmarks.figures import show
from tests.benchmarks.products import Sequential
from tests.benchmarks.training_runs import outcomes_of

UPDATES, SMALLEST_SHARE = 10, 0.01


def main() -> None:
    """Profile some updates and print the operations that take at least SMALLEST_SHARE of the time."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.profile", description="Shares of an update's time."
    )
    parser.add_argument("name", nargs="?", choices=ARCHITECTURES, default="transformer")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        training = start_training(options.name, options.precision, Path(folder))
        training.objective.workers = Sequential()
        torch.set_num_threads(1)
        outcomes = outcomes_of(training)
        list(islice(outcomes, WARM_UP))
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            list(islice(outcomes, UPDATES))
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(times.values())
    show(f"profile.{options.name}.milliseconds_per_update", total / UPDATES / 1000, "milliseconds")
    for operation, time in sorted(times.items(), key=lambda item: -item[1]):
        if time >= SMALLEST_SHARE * total:
            show(f"profile.{options.name}.{operation.replace(' ', '_')}", time / total, "of_an_update")


if __name__ == "__main__":
    main()
