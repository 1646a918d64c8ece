"""The options that several commands share, and the groups in which help lists options."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

GROUPS = TEST, OUTPUT, SEARCH, ATTENTION, MACHINE = "Test set", "Output", "Search", "Attention", "Machine"


def option(
    metavar: str | None,
    text: str,
    *names: str,
    default: str | bool = True,
    panel: str | None = None,
    min: float | None = None,  # noqa: A002
    max: float | None = None,  # noqa: A002
) -> Any:
    """Declare an option with a value; `default` is what help shows in place of None, False to show nothing."""
    return typer.Option(
        *names, metavar=metavar, help=text, show_default=default, rich_help_panel=panel, min=min, max=max
    )


def switch(text: str, *names: str, panel: str | None = None) -> Any:
    """Declare a switch, which is off by default."""
    return typer.Option(*names, help=text, show_default=False, rich_help_panel=panel)


LATEST = "the run that `train` finished last"
FinishedRun = Annotated[
    Path | None, typer.Argument(metavar="RUN", help="Folder or name of a run; also as --run.", show_default=LATEST)
]
Overrides = Annotated[
    list[str], option("KEY=VALUE", "Override a setting, e.g. training.steps=500 (repeatable).", "--set")
]

Source = Annotated[
    Path | None, option("FILE", "Source sentences, one per line.", default="the run's test set", panel=TEST)
]
Reference = Annotated[
    list[Path],
    option(
        "FILE",
        "Reference translations of --source, line by line; give several files for several references per sentence.",
        panel=TEST,
    ),
]
AllowLeaked = Annotated[bool, switch("Score even if test pairs occur in the training data.", panel=TEST)]

Format = Annotated[
    str | None,
    option(
        "text|markdown|latex|csv|json",
        "Format of the results; csv and json do not round numbers.",
        "--format",
        default="text",
        panel=OUTPUT,
    ),
]
Json = Annotated[bool, switch("Print JSON instead of text.", panel=OUTPUT)]
Force = Annotated[bool, switch("Overwrite existing output files.", panel=OUTPUT)]

BeamSize = Annotated[
    int | None, option("N", "Hypotheses kept by beam search.", default="the run's setting", panel=SEARCH)
]
DecodingOverrides = Annotated[
    list[str],
    option(
        "KEY=VALUE", "Override a decoding setting, e.g. decoding.length_penalty=1 (repeatable).", "--set", panel=SEARCH
    ),
]

Attention = Annotated[
    str | None,
    option(
        "FORMAT|FILE",
        "Show attention as terminal, json or pharaoh, or write it to a .png, .svg, .json or .align file.",
        panel=ATTENTION,
    ),
]
Kind = Annotated[
    str | None,
    option(
        "cross|self|encoder|decoder",
        "Cross-attention, or self-attention of both sides, the encoder or the decoder.",
        default="cross",
        panel=ATTENTION,
    ),
]
Layer = Annotated[
    int | None, option("N", "Decoder layer to show.", default="the layer that aligns best", panel=ATTENTION)
]
Head = Annotated[
    int | None, option("N", "Attention head to show.", default="the average of all heads", panel=ATTENTION)
]
Layers = Annotated[
    str | None,
    option(
        "N|all",
        "Layer to show.",
        "--layer",
        default="the layer that aligns best; all with --head all or self-attention",
        panel=ATTENTION,
    ),
]
Heads = Annotated[
    str | None,
    option(
        "N|all",
        "Attention head to show, or all in small maps.",
        "--head",
        default="the average of all heads",
        panel=ATTENTION,
    ),
]
AttentionUnit = Annotated[
    Literal["word", "token"] | None,
    option(
        "word|token",
        "Show attention between words or tokens; in scripts without spaces, words are tokens.",
        default="word",
        panel=ATTENTION,
    ),
]

Licence = Annotated[
    str | None,
    option("ID", "Licence of the model, e.g. apache-2.0.", "--license", default="left open in the model card"),
]
Device = Annotated[str, option("cpu|cuda|auto", "Device to run on.", panel=MACHINE)]
BatchSize = Annotated[
    int | None,
    option(
        "N",
        "Sentences decoded at once; affects only speed and memory.",
        default="128 on a CPU, 1,024 on a GPU",
        panel=MACHINE,
        min=1,
        max=100_000,
    ),
]
