"""`make result-NAME`: train a shipped config once per seed and print a row for the table of results in tests/README.md.

    TRANSLATOR_MULTI30K=multi30k make result-transformer
    TRANSLATOR_MULTI30K=multi30k python -m tests.benchmarks.results transformer --seeds 3,4

The runs stay in runs/results; the same command resumes them. Parameters are chosen by validation BLEU, and the test set is used
only for the scores of the final parameters. Without TRANSLATOR_MULTI30K, the English-German corpus is downloaded; results on
other languages or on the first pairs of the corpus need TRANSLATOR_MULTI30K.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from tests.benchmarks.training_runs import corpus_overrides, scores_of
from translator.runs.folder import RunFolder
from translator.runs.records import FinishRecord

ROOT = Path("runs", "results")


class Recipe(NamedTuple):
    """A config with changed settings, and which of its runs are reported."""

    config: str
    overrides: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1, 2)
    first_pairs: int | None = None  # train on only these pairs of Multi30k
    as_ensemble: bool = False  # score the models of all seeds as one

    def train(self, name: str, seed: int) -> RunFolder:
        """Train one seed, or resume it."""
        folder = ROOT / f"{name}-seed{seed}"
        corpus = ["--corpus", str(_first_pairs(self.first_pairs))] if self.first_pairs else []
        settings = [*([] if corpus else corpus_overrides()), *self.overrides, f"training.seed={seed}"]
        words = [sys.executable, "-m", "translator", "train", self.config, *corpus, "--output", str(folder)]
        subprocess.run([*words, *(f"--set={setting}" for setting in settings)], check=True)
        return RunFolder(folder)


_REVERSED = ("corpus.source_language=de", "corpus.target_language=en")
_FRENCH = ("corpus.target_language=fr",)
_SIZES = (1_000, 5_000, 10_000)

RECIPES = {
    "transformer": Recipe("multi30k-transformer"),
    "additive": Recipe("multi30k-additive"),
    "conditional": Recipe("multi30k-conditional"),
    "german-english": Recipe("multi30k-transformer", _REVERSED),
    "english-french": Recipe("multi30k-transformer", _FRENCH),
    "ensemble": Recipe("multi30k-transformer", seeds=(1, 2, 3, 4), as_ensemble=True),
    **{f"first-{size}": Recipe("auto", first_pairs=size) for size in _SIZES},
    **{f"first-{size}-transformer": Recipe("multi30k-transformer", first_pairs=size) for size in _SIZES},
}


def _first_pairs(number: int) -> Path:
    """Return a folder with the first training pairs of Multi30k, and all validation and test pairs."""
    source, folder = Path(os.environ["TRANSLATOR_MULTI30K"]), ROOT / f"first-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in (("train", "train"), ("valid", "valid"), ("test2016", "test")):
        for language in ("en", "de"):
            lines = (source / f"{split}.{language}").read_bytes().splitlines(keepends=True)
            (folder / f"{name}.{language}").write_bytes(b"".join(lines[: number if name == "train" else None]))
    return folder


def main() -> None:
    """Train all seeds, then print the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--seeds", help="separated by commas, instead of those of the recipe")
    options = parser.parse_args()
    recipe = RECIPES[options.name]
    if recipe.first_pairs and not corpus_overrides():
        parser.error(f"{options.name} needs the files of Multi30k; set TRANSLATOR_MULTI30K to their folder")
    if options.seeds:
        recipe = recipe._replace(seeds=tuple(map(int, options.seeds.split(","))))
    runs = [recipe.train(options.name, seed) for seed in recipe.seeds]
    print_row(options.name, runs, recipe.as_ensemble)


def print_row(name: str, runs: list[RunFolder], as_ensemble: bool) -> None:
    """Print a row of the table, and below it the signature of the first score."""
    places = [str(run.path) for run in runs]
    results = [scores_of(place) for place in (["+".join(places)] if as_ensemble else places)]
    lowercased, cased = ([result[metric] for result in results] for metric in ("BLEU lc", "BLEU"))
    records: list[FinishRecord] = [run.finish_record() for run in runs]
    cells = [
        f"`{name}`",
        ", ".join(f"{score['value']:.1f} [{score['low']:.1f}, {score['high']:.1f}]" for score in lowercased),
        f"**{mean(score['value'] for score in lowercased):.1f}**",
        ", ".join(f"{score['value']:.1f}" for score in cased),
        ", ".join(f"{record.validation_bleu:.1f}" for record in records),
        ", ".join(f"{record.seconds / 60:.0f} min" for record in records),
    ]
    sys.stdout.write(f"| {' | '.join(cells)} |\n{lowercased[0]['signature']}\n")


if __name__ == "__main__":
    main()
