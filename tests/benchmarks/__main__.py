"""`make bench`: speed of training and translation, peak memory and start-up time.

    make bench BENCH="--repeats 3 --peer 'peers.sh work'"

A peer is a command that runs another program and prints lines of `peer figure value`. The two programs alternate, because on
a machine with other work only ratios within one benchmark are meaningful. Prints medians, minima and maxima. The corpus is
the one in TRANSLATOR_MULTI30K, otherwise the demo corpus.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median

import torch

from tests.benchmarks.ctranslate2_speed import ctranslate2_speeds
from tests.benchmarks.figures import show
from tests.benchmarks.products import Sequential, products_of, seconds_of_products
from tests.benchmarks.programs import Programs
from tests.benchmarks.training_runs import begun, outcomes_of
from translator.decoding.settings import DecodingSettings
from translator.jobs.train.run_loop import Training

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "data"
ARCHITECTURES = ("transformer", "recurrent")
FORMS = {"": "auto", ".fp32": "fp32"}
"""Suffix of a figure's name and the precision: what `auto` selects on this machine, and fp32."""
WARM_UP, UPDATES = 5, 30
FORCED = 14  # tokens of every translation, so that an untrained model does the work of a trained one
SENTENCE = "The old man reads a book."
PEER_OF = {"eole": "transformer", "joeynmt": "transformer", "joeynmt-rnn": "recurrent"}
RATIOS = [
    *(
        (f"training.{name}{form}.tokens_per_second", f"peer.{peer}.train_target_tokens_per_second")
        for peer, name in PEER_OF.items()
        for form in FORMS
    ),
    ("decoding.beam5.sentences_per_second", "peer.eole.beam5_sentences_per_second"),
    ("decoding.beam5.sentences_per_second", "decoding.ctranslate2.beam5.sentences_per_second"),
    ("decoding.greedy.sentences_per_second", "decoding.ctranslate2.greedy.sentences_per_second"),
]
"""Pairs of figures whose ratio is printed if both were measured."""


def corpus_settings() -> list[str]:
    """Return the settings of the corpus."""
    corpus = Path(os.environ.get("TRANSLATOR_MULTI30K", DEMO))
    test = "test2016" if (corpus / "test2016.en").is_file() else "test"
    return [f"corpus.folder={corpus}", f"corpus.test={test}"]


def start_training(name: str, precision: str, folder: Path) -> Training:
    """Prepare a run of the model that the peers are measured with, up to its first update."""
    overrides = [*corpus_settings(), f"ops.precision={precision}"]
    return begun(HERE / f"peers-{name}.toml", overrides, folder / f"{name}-{precision}")


def training_figures(name: str, training: Training) -> dict[str, float]:
    """Measure target tokens per second (with end tokens, without padding) and the share of matrix products in an update."""
    outcomes = outcomes_of(training)
    list(islice(outcomes, WARM_UP))
    measured = [outcome.report for outcome in islice(outcomes, UPDATES)]
    seconds = sum(report.seconds for report in measured)
    workers = training.objective.workers
    assert workers is not None  # both configs use the fast forms on a CPU
    training.objective.workers = Sequential()
    products = seconds_of_products(products_of(lambda: next(outcomes)), workers)
    training.objective.workers = workers
    return {
        f"training.{name}.tokens_per_second": sum(report.num_tokens for report in measured) / seconds,
        f"training.{name}.share_of_products": products * UPDATES / seconds,
    }


def decoding_speed(training: Training, settings: DecodingSettings) -> float:
    """Return sentences per second; every translation has FORCED tokens."""
    test = training.run.split("test").source[:1000]
    forced = settings.model_copy(update={"min_length": FORCED, "max_length": FORCED})
    training.translator.model.eval()
    training.translator.translate(test[:100], forced)
    began = time.monotonic()
    training.translator.translate(test, forced)
    return len(test) / (time.monotonic() - began)


def decoding_figures(runs: dict[str, Training]) -> dict[str, float]:
    """Measure beam search and greedy search of both models, and CTranslate2 with the parameters of the Transformer."""
    figures: dict[str, float] = {}
    for name, place in (("transformer", "decoding"), ("recurrent", "decoding.recurrent")):
        training = runs[f"{name}.fp32"]
        for label, search in (("beam5", "beam"), ("greedy", "greedy")):
            speed = decoding_speed(training, DecodingSettings.model_validate({"search": search}))
            figures[f"{place}.{label}.sentences_per_second"] = speed
    training = runs["transformer.fp32"]
    return figures | ctranslate2_speeds(training.translator, training.run.split("test").source[:1000], FORCED)


def cold_figures(folder: Path) -> dict[str, float]:
    """Measure what users wait for: --help, and one sentence, also without the time to import torch."""
    run, steps = folder / "cold", [f"--set=training.{key}=1" for key in ("steps", "average")]
    if not run.exists():
        seconds_of("-m", "translator", "train", "demo", "--output", str(run), *steps)
    sentence = seconds_of("-m", "translator", "translate", "--run", str(run), SENTENCE)
    return {
        "cli.help.seconds": seconds_of("-m", "translator", "--help"),
        "cli.translate.cold.seconds": sentence,
        "cli.translate.above_import_of_torch.seconds": sentence - seconds_of("-c", "import torch"),
    }


def seconds_of(*arguments: str) -> float:
    """Return how long a Python process takes."""
    began = time.monotonic()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, *arguments], check=True, **streams)  # type: ignore[call-overload]
    return time.monotonic() - began


def own_figures(runs: dict[str, Training], folder: Path) -> dict[str, float]:
    """Measure every figure of this program once."""
    figures: dict[str, float] = {}
    for name, training in runs.items():
        figures |= training_figures(name, training)
    figures |= decoding_figures(runs) | cold_figures(folder)
    return figures


def memory_figures(programs: Programs, folder: Path) -> dict[str, float]:
    """Measure the peak memory of a short run of each architecture, with a validation, by the command line."""
    figures = {}
    for name in ARCHITECTURES:
        settings = [*corpus_settings(), f"training.steps={WARM_UP + UPDATES}", "training.average=1"]
        words = ["train", str(HERE / f"peers-{name}.toml"), "--output", str(folder / f"{name}-memory")]
        command = [sys.executable, "-m", "translator", *words, *(f"--set={setting}" for setting in settings)]
        figures[f"training.{name}.peak.megabytes"] = programs.run(command)[1]
    return figures


def peer_figures(programs: Programs, command: str) -> dict[str, float]:
    """Run a peer's command and return the figures that it prints and its peak memory."""
    printed, peak = programs.run(shlex.split(command))
    rows = [line.split() for line in printed.splitlines() if len(line.split()) == 3]
    return {**{f"peer.{peer}.{figure}": float(value) for peer, figure, value in rows}, "peer.peak.megabytes": peak}


def main() -> None:
    """Measure and print all figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure speed, memory and start-up time."
    )
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="measurements of each figure")
    parser.add_argument("--peer", metavar="COMMAND", help="command of another program to compare with")
    options = parser.parse_args()
    values: dict[str, list[float]] = defaultdict(list)
    with closing(Programs()) as programs, tempfile.TemporaryDirectory() as folder:
        runs = {
            name + form: start_training(name, precision, Path(folder))
            for name in ARCHITECTURES
            for form, precision in FORMS.items()
        }
        products = runs["transformer"].objective.ops.product_dtype
        show("training.bits_of_factors_by_auto", torch.finfo(products).bits, "bits")
        for _ in range(options.repeats):
            figures = own_figures(runs, Path(folder)) | (peer_figures(programs, options.peer) if options.peer else {})
            for figure, value in figures.items():
                values[figure].append(value)
        values |= {figure: [value] for figure, value in memory_figures(programs, Path(folder)).items()}
    for figure, measurements in values.items():
        summarise(figure, measurements)
    for own, peer in RATIOS:
        if values[own] and values[peer]:
            name = f"ratio.{own.rpartition('.')[0]}.over.{peer.split('.')[1]}"
            summarise(name, [a / b for a, b in zip(values[own], values[peer], strict=True)])


def summarise(figure: str, values: list[float]) -> None:
    """Print the median and, if there are several measurements, the minimum and maximum."""
    unit = "times" if figure.startswith("ratio.") else "of_a_step" if figure.endswith("share_of_products") else None
    spread = f"  min {min(values):.4g}  max {max(values):.4g}" if len(values) > 1 else ""
    show(figure, median(values), unit, note=spread)


if __name__ == "__main__":
    main()
