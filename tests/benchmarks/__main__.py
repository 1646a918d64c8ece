"""How fast it is: `make bench` prints one `figure value unit` a line.

    make bench BENCH="--repeats 3 --peer 'peers.sh work'"

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
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median

import torch

from tests.benchmarks.ctranslate2_speed import ctranslate2_speeds
from tests.benchmarks.figures import show
from tests.benchmarks.products import InTurn, products_of, seconds_of_products
from tests.benchmarks.programs import Programs
from tests.benchmarks.trainings import begun, outcomes_of
from translator.decoding.settings import DecodingSettings
from translator.jobs.train.run_loop import Training

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "data"
ARCHITECTURES = ("transformer", "recurrent")
FORMS = {"": "auto", ".fp32": "fp32"}
"""What the names of a training end in, with its precision: what `auto` takes on this machine, and fp32 whatever that is."""
WARM_UP, UPDATES = 5, 30
FORCED = 14  # pieces of every translation, so that an untrained model does the work of a trained one
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
"""Figures of ours with those that they are divided by, where both were measured."""


def corpus_settings() -> list[str]:
    """The corpus that all trainings have."""
    corpus = Path(os.environ.get("TRANSLATOR_MULTI30K", DEMO))
    test = "test2016" if (corpus / "test2016.en").is_file() else "test"
    return [f"corpus.folder={corpus}", f"corpus.test={test}"]


def built(name: str, precision: str, folder: Path) -> Training:
    """A training of the peers' model, at its first update."""
    overrides = [*corpus_settings(), f"ops.precision={precision}"]
    return begun(HERE / f"peers-{name}.toml", overrides, folder / f"{name}-{precision}")


def training_figures(name: str, training: Training) -> dict[str, float]:
    """Real target tokens a second, end marks included, padding not; and how much of a step are its matrix products."""
    outcomes = outcomes_of(training)
    list(islice(outcomes, WARM_UP))
    measured = [outcome.report for outcome in islice(outcomes, UPDATES)]
    seconds = sum(report.seconds for report in measured)
    ops = training.objective.ops
    assert ops.workers is not None  # both configs use the fast forms on a CPU
    training.objective.ops = replace(ops, workers=InTurn())
    products = seconds_of_products(products_of(lambda: next(outcomes)), ops.workers)
    training.objective.ops = ops
    return {
        f"training.{name}.tokens_per_second": sum(report.num_tokens for report in measured) / seconds,
        f"training.{name}.share_of_products": products * UPDATES / seconds,
    }


def decoding_speed(training: Training, settings: DecodingSettings) -> float:
    """Sentences a second, every translation of FORCED pieces."""
    test = training.run.split("test").source[:1000]
    forced = settings.model_copy(update={"min_length": FORCED, "max_length": FORCED})
    training.translator.model.eval()
    training.translator.translate(test[:100], forced)
    began = time.monotonic()
    training.translator.translate(test, forced)
    return len(test) / (time.monotonic() - began)


def decoding_figures(trainings: dict[str, Training]) -> dict[str, float]:
    """Beam search and greedy search of the Transformer and of the recurrent model, and CTranslate2's on the first's weights."""
    found: dict[str, float] = {}
    for name, place in (("transformer", "decoding"), ("recurrent", "decoding.recurrent")):
        training = trainings[f"{name}.fp32"]
        for label, search in (("beam5", "beam"), ("greedy", "greedy")):
            speed = decoding_speed(training, DecodingSettings.model_validate({"search": search}))
            found[f"{place}.{label}.sentences_per_second"] = speed
    training = trainings["transformer.fp32"]
    return found | ctranslate2_speeds(training.translator, training.run.split("test").source[:1000], FORCED)


def cold_figures(folder: Path) -> dict[str, float]:
    """What a person waits for: --help, and one sentence with what it takes longer than torch's own import."""
    run, steps = folder / "cold", [f"--set=training.{key}=1" for key in ("steps", "average")]
    if not run.exists():
        seconds_of("-m", "translator", "train", "demo", "--output", str(run), *steps)
    one = seconds_of("-m", "translator", "translate", "--run", str(run), SENTENCE)
    return {
        "cli.help.seconds": seconds_of("-m", "translator", "--help"),
        "cli.translate.cold.seconds": one,
        "cli.translate.above_import_of_torch.seconds": one - seconds_of("-c", "import torch"),
    }


def seconds_of(*arguments: str) -> float:
    """How long a Python process takes."""
    began = time.monotonic()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, *arguments], check=True, **streams)  # type: ignore[call-overload]
    return time.monotonic() - began


def ours(trainings: dict[str, Training], folder: Path) -> dict[str, float]:
    """Every figure of this program, once."""
    found: dict[str, float] = {}
    for name, training in trainings.items():
        found |= training_figures(name, training)
    found |= decoding_figures(trainings) | cold_figures(folder)
    return found


def memory_figures(programs: Programs, folder: Path) -> dict[str, float]:
    """The most memory of a short training of each architecture, with a validation, by the command."""
    found = {}
    for name in ARCHITECTURES:
        settings = [*corpus_settings(), f"training.steps={WARM_UP + UPDATES}", "training.average=1"]
        words = ["train", str(HERE / f"peers-{name}.toml"), "--output", str(folder / f"{name}-memory")]
        command = [sys.executable, "-m", "translator", *words, *(f"--set={one}" for one in settings)]
        found[f"training.{name}.peak.megabytes"] = programs.run(command)[1]
    return found


def theirs(programs: Programs, command: str) -> dict[str, float]:
    """Every figure that a peer's command prints, and the most memory that any of its programs held."""
    printed, peak = programs.run(shlex.split(command))
    rows = [line.split() for line in printed.splitlines() if len(line.split()) == 3]
    return {**{f"peer.{peer}.{figure}": float(value) for peer, figure, value in rows}, "peer.peak.megabytes": peak}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="How fast translator is here.")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="how often each figure is taken")
    parser.add_argument("--peer", metavar="COMMAND", help="a command that takes turns with ours")
    options = parser.parse_args()
    values: dict[str, list[float]] = defaultdict(list)
    with closing(Programs()) as programs, tempfile.TemporaryDirectory() as folder:
        trainings = {
            name + form: built(name, precision, Path(folder))
            for name in ARCHITECTURES
            for form, precision in FORMS.items()
        }
        products = trainings["transformer"].objective.ops.product_dtype
        show("training.bits_of_factors_by_auto", torch.finfo(products).bits, "bits")
        for _ in range(options.repeats):
            figures = ours(trainings, Path(folder)) | (theirs(programs, options.peer) if options.peer else {})
            for figure, value in figures.items():
                values[figure].append(value)
        values |= {figure: [value] for figure, value in memory_figures(programs, Path(folder)).items()}
    for figure, found in values.items():
        summarise(figure, found)
    for mine, other in RATIOS:
        if values[mine] and values[other]:
            name = f"ratio.{mine.rpartition('.')[0]}.over.{other.split('.')[1]}"
            summarise(name, [a / b for a, b in zip(values[mine], values[other], strict=True)])


def summarise(figure: str, found: list[float]) -> None:
    """A line of `figure value unit`; after several measurements also the smallest and the largest."""
    unit = "times" if figure.startswith("ratio.") else "of_a_step" if figure.endswith("share_of_products") else None
    spread = f"  min {min(found):.4g}  max {max(found):.4g}" if len(found) > 1 else ""
    show(figure, median(found), unit, note=spread)


if __name__ == "__main__":
    main()
