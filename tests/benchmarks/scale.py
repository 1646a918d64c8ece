"""`make bench-scale`: time and memory that large corpora need before the first update.

    python -m tests.benchmarks.scale 500000 1000000 5000000
    python -m tests.benchmarks.scale 5000000 --hold-out

The pairs are generated: words of two invented languages drawn by Zipf's law, in sentences of 6 to 25 words. For each size, the
tokenizer is trained once and not counted. Then SentencePiece alone encodes the text from memory, and our own preparation goes
from the files to the first update: reading, filters, encoding, batches. With `--hold-out`, validation and test pairs are held out
of the training pairs, as `train --corpus` does for one file.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.benchmarks.figures import show

VOCABULARY = 30_000
BLOCK = 50_000
LETTERS = ("abcdefghiklmnoprstuvw", "abcdefghiklmnoprstuvwäöüß")
SIDES = ("source", "target")


def main() -> None:
    """Measure each size in separate processes, so that each has its own peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[500_000, 1_000_000, 5_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="measure alternately and report the best")
    parser.add_argument(
        "--hold-out", action="store_true", help="hold validation and test pairs out of the training pairs"
    )
    parser.add_argument("--part", choices=["first", "alone", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        PARTS[options.part](options)
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure(argparse.Namespace(**vars(options) | {"folder": Path(folder)}), size)


def measure(options: argparse.Namespace, size: int) -> None:
    """Print all figures of one size."""
    write_corpus(options.folder, size)
    label = f"scale.{size // 1000}k"
    seconds, peak = _run_part("first", options)
    show(f"{label}.first_start.seconds", seconds, "seconds, with training the tokenizer")
    show(f"{label}.first_start.peak_memory", peak, "MB")
    alone, ours = [], []
    for _ in range(options.repeats):
        alone.append(_run_part("alone", options))
        ours.append(_run_part("ours", options))
    speeds = size / min(alone)[0], size / min(ours)[0]
    show(f"{label}.sentencepiece.pairs_per_second", speeds[0], "pairs/s")
    show(f"{label}.ours.pairs_per_second", speeds[1], "pairs/s")
    show(f"{label}.ratio", speeds[1] / speeds[0], "times")
    show(f"{label}.ours.peak_memory", max(memory for _, memory in ours), "MB")


def _run_part(name: str, options: argparse.Namespace) -> tuple[float, float]:
    """Return (seconds, peak memory in MB) of one part, run in a separate process."""
    words = [sys.executable, "-m", "tests.benchmarks.scale", "--part", name]
    words += ["--folder", str(options.folder), "--threads", str(options.threads)]
    words += ["--hold-out"] if options.hold_out else []
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def write_corpus(folder: Path, size: int) -> None:
    """Write training, validation and test pairs."""
    generator = np.random.default_rng(1)
    words = [invented_words(generator, letters) for letters in LETTERS]
    for name, count in (("train", size), ("valid", 500), ("test", 500)):
        with (folder / f"{name}.en").open("w") as source, (folder / f"{name}.de").open("w") as target:
            for first in range(0, count, BLOCK):
                lengths = generator.integers(6, 26, min(BLOCK, count - first))
                drawn = (VOCABULARY ** generator.random(lengths.sum())).astype(np.int64) % VOCABULARY
                for file, vocabulary in ((source, words[0]), (target, words[1])):
                    sentences = np.split(vocabulary[drawn], np.cumsum(lengths)[:-1])
                    file.write("".join(" ".join(sentence) + ".\n" for sentence in sentences))


def invented_words(generator: np.random.Generator, letters: str) -> np.ndarray:
    """Return the vocabulary of one language."""
    lengths = generator.integers(2, 12, VOCABULARY)
    return np.array(["".join(generator.choice(list(letters), length)) for length in lengths], dtype=object)


def first_update(options: argparse.Namespace, run: Path, tokenizer: str | None) -> None:
    """Measure from the files to the first update; `tokenizer` is the folder of a trained tokenizer."""
    import torch

    from tests.benchmarks.training_runs import begun, outcomes_of
    from translator.text.tokenizer import Tokenizer

    torch.set_num_threads(options.threads)
    if tokenizer:
        models = [Path(tokenizer, f"{side}.model").read_bytes() for side in ("source", "target")]
        patch("translator.jobs.train.prepare.train_tokenizer", lambda *_: Tokenizer(models[0], models[1])).start()
    config, overrides = Path(__file__).parents[2] / "configs" / "demo.toml", ["tokenizer.vocab_size=8000"]
    overrides += ["corpus.validation=", "corpus.test="] if options.hold_out else []
    began = time.monotonic()
    training = begun(config, [f"corpus.folder={options.folder}", *overrides], run, notify=notify)
    training.updates.share(0, 0, 1)
    seconds = time.monotonic() - began
    next(outcomes_of(training))
    report(seconds)


def first(options: argparse.Namespace) -> None:
    """Measure a start that also trains the tokenizer."""
    first_update(options, options.folder / "first" / "run", None)


def ours(options: argparse.Namespace) -> None:
    """Measure a start with a trained tokenizer."""
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        first_update(options, Path(place) / "run", str(options.folder / "first" / "run" / "tokenizer"))


def alone(options: argparse.Namespace) -> None:
    """Measure SentencePiece alone on the same lines."""
    from sentencepiece import SentencePieceProcessor

    seconds = 0.0
    for language, side in (("en", "source"), ("de", "target")):
        model = str(options.folder / "first" / "run" / "tokenizer" / f"{side}.model")
        processor = SentencePieceProcessor(model_file=model)
        with (options.folder / f"train.{language}").open() as file:
            while lines := [line.rstrip("\n") for line in islice(file, 100_000)]:
                began = time.monotonic()
                processor.encode(lines, add_eos=True, num_threads=options.threads)
                seconds += time.monotonic() - began
    report(seconds)


PARTS = {"first": first, "alone": alone, "ours": ours}


def report(seconds: float) -> None:
    """Print the seconds and the peak memory of this process, for `_run_part`."""
    sys.stdout.write(f"{seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def notify(line: str) -> None:
    sys.stderr.write(f"  {line}\n")


if __name__ == "__main__":
    main()
