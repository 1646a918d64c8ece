"""`make bench-plain`: whether the fast operations learn what the plain ones learn.

    python -m tests.benchmarks.plain demo demo-additive --steps 400 --seeds 3

Trains each config from the same seeds with `ops.fast` on and off and prints the final validation cross-entropies, their
means, whether the mean of the fast runs lies within the range of the plain ones, and the mean difference for the same seed.
"""

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev

from tests.benchmarks.figures import show
from translator.runs.folder import JOURNAL
from translator.training.journal import read_journal
from translator.training.progress import Report, Validation

FORMS = {"plain": "false", "fast": "true"}


def main() -> None:
    """Train all runs and print their cross-entropies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=["demo", "demo-additive"])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for config in options.configs:
        cross_entropies: dict[str, list[float]] = {form: [] for form in FORMS}
        for seed in range(1, options.seeds + 1):
            for form in FORMS:
                cross_entropy, seconds = train(config, form, seed, options.steps)
                cross_entropies[form].append(cross_entropy)
                show(
                    f"plain.{config}.{form}.seed{seed}.cross_entropy",
                    cross_entropy,
                    f"nats, {seconds:.0f} seconds",
                    form=".4f",
                )
        low, high, fast = min(cross_entropies["plain"]), max(cross_entropies["plain"]), mean(cross_entropies["fast"])
        show(f"plain.{config}.plain.mean", mean(cross_entropies["plain"]), f"nats, {low:.4f} to {high:.4f}", form=".4f")
        show(f"plain.{config}.fast.mean", fast, "nats, " + ("within" if low <= fast <= high else "outside"), form=".4f")
        differences = [
            fast - plain for fast, plain in zip(cross_entropies["fast"], cross_entropies["plain"], strict=True)
        ]
        error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else math.inf
        show(f"plain.{config}.difference", mean(differences), f"nats, standard error {error:.4f}", form="+.4f")


def train(config: str, form: str, seed: int, steps: int) -> tuple[float, float]:
    """Return (validation cross-entropy after the last step, seconds of training) of one run."""
    settings = [f"ops.fast={FORMS[form]}", f"training.seed={seed}", f"training.steps={steps}", "training.average=1"]
    settings += [f"training.{key}={steps}" for key in ("validate_every", "save_every", "log_every")]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["train", config, "--output", str(run), *(f"--set={setting}" for setting in settings)]
        subprocess.run(
            [sys.executable, "-m", "translator", *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        events, _ = read_journal(run / JOURNAL)
    measured = [event.cross_entropy for event in events if isinstance(event, Validation)]
    return measured[-1], sum(event.seconds for event in events if isinstance(event, Report))


if __name__ == "__main__":
    main()
