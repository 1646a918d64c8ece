"""`make ablation`: what each method gains on Multi30k, alone and as a part of `multi30k-transformer`, in the same time.

    TRANSLATOR_MULTI30K=multi30k make ablation
    TRANSLATOR_MULTI30K=multi30k make ablation BENCH="muon bpe_dropout --seed 3"

Trains the config without any of these methods, and once more with each method alone. Then trains the config as it is, and once
more without each method that the config uses. `translator compare` scores both groups of runs on the validation sentences and
tests each run against the best run of its group. The runs stay in runs/ablation; the same command resumes them.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.training_runs import corpus_overrides

ROOT = Path("runs", "ablation")
CONFIG = "multi30k-transformer"
UPDATES, WARM_UP = 4_500, 500
"""Updates of the config without any of the methods: about 25 minutes on one core."""


class Method(NamedTuple):
    """Settings that turn a method on and off."""

    on: tuple[str, ...]
    off: tuple[str, ...]
    cost: float = 1.0  # processor time of an update, relative to a plain update; measured with one thread


METHODS = {
    "label_smoothing": Method(("training.label_smoothing=0.1",), ("training.label_smoothing=0",)),
    "average": Method(("training.average=5",), ("training.average=1",)),
    "ema": Method(("training.ema=0.999",), ("training.ema=0",)),
    "weight_decay": Method(
        ("training.optimizer=adamw", "training.weight_decay=0.05"),
        ("training.optimizer=adam", "training.weight_decay=0"),
    ),
    "muon": Method(("training.optimizer=muon",), ("training.optimizer=adam",), 1.1),
    "bpe_dropout": Method(
        ("tokenizer.kind=bpe", "training.bpe_dropout=0.1"), ("tokenizer.kind=unigram", "training.bpe_dropout=0"), 1.1
    ),
    "unigram_alpha": Method(("training.unigram_alpha=0.3",), ("training.unigram_alpha=0",), 1.1),
    "both_directions": Method(("training.both_directions=1500",), ("training.both_directions=0",)),
    "rdrop": Method(("training.consistency=rdrop",), ("training.consistency=none",), 2.1),
    "simcut": Method(("training.consistency=simcut",), ("training.consistency=none",), 1.9),
}
USED = ("label_smoothing", "average")
"""The methods that the config uses."""


def main() -> None:
    """Train and compare all runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=list(METHODS), metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.methods) - METHODS.keys():
        parser.error(f"unknown methods: {', '.join(sorted(unknown))}; expected some of {', '.join(METHODS)}")
    none = [setting for method in METHODS.values() for setting in method.off]
    alone = [train("none", none, (), options.seed)]
    alone += [train(name, [*none, *METHODS[name].on], (name,), options.seed) for name in options.methods]
    compare(alone)
    whole = [train("all", (), USED, options.seed)]
    for name in options.methods:
        if name in USED:
            others = tuple(other for other in USED if other != name)
            whole.append(train(f"all-but-{name}", METHODS[name].off, others, options.seed))
    compare(whole)


def train(name: str, settings: Iterable[str], methods: Sequence[str], seed: int) -> Path:
    """Train a run that uses these methods, or resume the run. Methods with slower updates get fewer updates."""
    steps, folder = UPDATES, ROOT / f"{name}-seed{seed}"
    for method in methods:
        steps = int(steps / METHODS[method].cost)
    length = [f"training.steps={steps}", f"training.warmup_steps={WARM_UP}"]
    words = [sys.executable, "-m", "translator", "train", CONFIG, "--output", str(folder)]
    # Of two values of one key the last one counts.
    values = dict(
        setting.split("=", 1) for setting in (*corpus_overrides(), *length, f"training.seed={seed}", *settings)
    )
    subprocess.run([*words, *(f"--set={key}={value}" for key, value in values.items())], check=True)
    return folder


def compare(runs: Sequence[Path]) -> None:
    """Print how well the runs translate the validation sentences, as a Markdown table."""
    texts = [str(runs[0] / "corpus" / f"validation.{side}") for side in ("source", "target")]
    words = [sys.executable, "-m", "translator", "compare", *map(str, runs), "--format", "markdown"]
    subprocess.run([*words, "--source", texts[0], "--reference", texts[1]], check=True)


if __name__ == "__main__":
    main()
