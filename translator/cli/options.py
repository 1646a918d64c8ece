"""The options that several commands share: the same word and meaning everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from translator.errors import UsageError

Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: --set training.steps=500. May be repeated."),
]
DecodingOverrides = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change how it decodes: --set decoding.length_penalty=1. May be repeated."
    ),
]
Device = Annotated[str, typer.Option(metavar="cpu|cuda|auto", help="Where to compute.")]
BeamSize = Annotated[int | None, typer.Option(metavar="N", help="Hypotheses kept by beam search; default: the run's.")]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        help="Sentences decoded together; default: 128 on a CPU, 1,024 on a GPU. Changes speed and memory only.",
    ),
]
Json = Annotated[bool, typer.Option(help="Print JSON instead of text.")]
Force = Annotated[bool, typer.Option(help="Replace an output file that exists.")]
AllowLeaked = Annotated[bool, typer.Option(help="Score also where test pairs are among the training pairs.")]
Source = Annotated[Path | None, typer.Option(help="Sentences to translate; default: the test set of training.")]
Reference = Annotated[Path | None, typer.Option(help="Their human translations, line by line.")]
RUNS = Path("runs")
"""Where runs are made and looked for: below the folder that the command is typed in."""


def shipped(name: str) -> Path:
    """`configs/NAME` of this program: beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(__file__).parent.parent
    inside = package / "configs"
    return (inside if inside.is_dir() else package.parent / "configs") / name


def find_config(name: str) -> Path:
    """A config file by path, or a shipped one by name. Raises UsageError naming the shipped ones."""
    path = Path(name)
    if path.is_file():
        return path
    candidate = shipped(f"{path.name.removesuffix('.toml')}.toml")
    if candidate.is_file() and path.parent.name in ("", "configs"):
        return candidate
    known = ", ".join(sorted(one.stem for one in candidate.parent.glob("*.toml")))
    found = "is a folder" if path.is_dir() else "no such config"
    raise UsageError(name, found, f"give a TOML file or one of {known}")
