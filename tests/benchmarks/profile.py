"""Where the time of an update goes: `make bench-profile` prints one `figure value unit` a line.

    make bench-profile BENCH="recurrent --precision fp32"

The workers' parts are computed one after the other on one thread, so that nothing waits. Each operation's own time, without
what it calls, as a share of all.
"""

import argparse
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from tests.benchmarks.__main__ import ARCHITECTURES, WARM_UP, built
from tests.benchmarks.figures import show
from tests.benchmarks.products import InTurn
from tests.benchmarks.trainings import outcomes_of

UPDATES, LEAST = 10, 0.01


def main() -> None:
    """Profile some updates, and print what takes at least LEAST of their time."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.profile", description="Where an update's time goes."
    )
    parser.add_argument("name", nargs="?", choices=ARCHITECTURES, default="transformer")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        training = built(options.name, options.precision, Path(folder))
        training.objective.ops = replace(training.objective.ops, workers=InTurn())
        torch.set_num_threads(1)
        outcomes = outcomes_of(training)
        list(islice(outcomes, WARM_UP))
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            list(islice(outcomes, UPDATES))
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(times.values())
    show(f"profile.{options.name}.milliseconds_per_update", total / UPDATES / 1000, "milliseconds")
    for operation, took in sorted(times.items(), key=lambda item: -item[1]):
        if took >= LEAST * total:
            show(f"profile.{options.name}.{operation.replace(' ', '_')}", took / total, "of_an_update")


if __name__ == "__main__":
    main()
