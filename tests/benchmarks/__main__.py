"""How fast it is: `make bench` prints one `figure value unit` a line.

    python -m tests.benchmarks --repeats 3 --peer "peers.sh work"

A peer is a command that prints lines of `peer figure value`. It takes turns with ours, because only a ratio within one
run means anything on a machine that others use too; medians are printed, and the smallest and the largest value.
The corpus is that of TRANSLATOR_MULTI30K, or else the demo's.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import islice
from pathlib import Path
from statistics import median

import torch

from translator.config import load_config
from translator.decoding.settings import DecodingSettings
from translator.experiment.begin import begin
from translator.experiment.prepare import prepare
from translator.experiment.training import Training
from translator.experiment.watcher import Silence
from translator.training.loop import train
from translator.training.processes import Processes

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "data"
WARM_UP, UPDATES = 5, 30
FORCED = 14  # pieces of every translation, so that an untrained model does the work of a trained one
PEER_OF = {"eole": "transformer", "joeynmt": "transformer", "joeynmt-rnn": "recurrent"}
PEER_FIGURE = "train_target_tokens_per_second"


def built(name: str, precision: str, folder: Path) -> Training:
    """A training of the peers' model, at its first update."""
    corpus = Path(os.environ.get("TRANSLATOR_MULTI30K", DEMO))
    test = "test2016" if (corpus / "test2016.en").is_file() else "test"
    overrides = [f"corpus.folder={corpus}", f"corpus.test={test}", f"ops.precision={precision}"]
    config = load_config(HERE / f"peers-{name}.toml", overrides)
    prepared = prepare(config, folder / f"{name}-{precision}", overwrite=False, tell=lambda _: None)
    return begin(prepared, config, torch.device("cpu"), Silence(), Processes())


def training_speed(training: Training) -> float:
    """Real target tokens a second, end marks included, padding not."""
    settings = training.config.training
    outcomes = train(
        training.objective,
        training.updates,
        training.optimizer,
        lambda _: 1e-4,
        settings=settings,
        progress=training.progress,
    )
    list(islice(outcomes, WARM_UP))
    measured = [outcome.report for outcome in islice(outcomes, UPDATES)]
    return sum(report.num_tokens for report in measured) / sum(report.seconds for report in measured)


def decoding_speed(training: Training, settings: DecodingSettings) -> float:
    """Sentences a second, every translation of FORCED pieces."""
    test = training.run.split("test").source[:1000]
    forced = settings.model_copy(update={"min_length": FORCED, "max_length": FORCED})
    training.translator.model.eval()
    training.translator.translate(test[:100], forced)
    began = time.monotonic()
    training.translator.translate(test, forced)
    return len(test) / (time.monotonic() - began)


def help_seconds() -> float:
    """How long `translator --help` takes."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "translator", "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def ours(trainings: dict[str, Training]) -> dict[str, float]:
    """Every figure of this program, once."""
    beam5 = DecodingSettings(search="beam", beam_size=5)
    found = {f"training.{name}.tokens_per_second": training_speed(training) for name, training in trainings.items()}
    for name in ("transformer.fp32", "recurrent.fp32"):
        kind = name.removesuffix(".fp32")
        found[f"decoding.{kind}.beam5.sentences_per_second"] = decoding_speed(trainings[name], beam5)
        greedy = DecodingSettings(search="greedy")
        found[f"decoding.{kind}.greedy.sentences_per_second"] = decoding_speed(trainings[name], greedy)
    return {**found, "cli.help.seconds": help_seconds()}


def theirs(command: str) -> dict[str, float]:
    """Every figure that a peer's command prints."""
    printed = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [line.split() for line in printed.splitlines() if len(line.split()) == 3]
    return {f"peer.{peer}.{figure}": float(value) for peer, figure, value in rows}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="How fast translator is here.")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="how often each figure is taken")
    parser.add_argument("--peer", metavar="COMMAND", help="a command that takes turns with ours")
    options = parser.parse_args()
    values: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        precisions = ("fp32", "bf16")
        trainings = {
            f"{name}.{precision}": built(name, precision, Path(folder))
            for name in ("transformer", "recurrent")
            for precision in precisions
        }
        for _ in range(options.repeats):
            figures = {**ours(trainings), **(theirs(options.peer) if options.peer else {})}
            for figure, value in figures.items():
                values[figure].append(value)
    for figure, found in values.items():
        show(figure, found)
    for peer, kind in PEER_OF.items():
        for precision in precisions:
            mine, other = values[f"training.{kind}.{precision}.tokens_per_second"], values[f"peer.{peer}.{PEER_FIGURE}"]
            if other:
                show(
                    f"ratio.training.{kind}.{precision}.over.{peer}", [a / b for a, b in zip(mine, other, strict=True)]
                )


def show(figure: str, found: list[float]) -> None:
    """A line of `figure value unit`; after several measurements also the smallest and the largest."""
    unit = "times" if figure.startswith("ratio.") else figure.rsplit(".", 1)[-1].replace("_per_", "/")
    spread = f"  min {min(found):.4g}  max {max(found):.4g}" if len(found) > 1 else ""
    sys.stdout.write(f"{figure} {median(found):.4g} {unit}{spread}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
