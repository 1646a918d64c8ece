"""The options that several commands share, and the groups in which help lists options."""

from pathlib import Path
from typing import Annotated, Literal

import typer

GROUPS = TEST, OUTPUT, SEARCH, ATTENTION, MACHINE = "Test set", "Output", "Search", "Attention", "Machine"

LATEST = "the run that `train` finished last"
FinishedRun = Annotated[
    Path | None, typer.Argument(metavar="RUN", help="Folder or name of a run; also as --run.", show_default=LATEST)
]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. training.steps=500 (repeatable)."),
]

Source = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Source sentences, one per line.",
        show_default="the run's test set",
        rich_help_panel=TEST,
    ),
]
Reference = Annotated[
    list[Path],
    typer.Option(
        metavar="FILE",
        help="Reference translations of --source, line by line; several are scored together (repeatable).",
        rich_help_panel=TEST,
    ),
]
AllowLeaked = Annotated[
    bool,
    typer.Option(help="Score even if test pairs occur in the training data.", show_default=False, rich_help_panel=TEST),
]

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="text|markdown|latex|csv|json",
        help="Form of the results; csv and json have every number in full.",
        show_default="text",
        rich_help_panel=OUTPUT,
    ),
]
Json = Annotated[bool, typer.Option(help="Print JSON instead of text.", show_default=False, rich_help_panel=OUTPUT)]
Force = Annotated[
    bool, typer.Option(help="Overwrite existing output files.", show_default=False, rich_help_panel=OUTPUT)
]

BeamSize = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Hypotheses kept by beam search.", show_default="the run's setting", rich_help_panel=SEARCH
    ),
]
DecodingOverrides = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a decoding setting, e.g. decoding.length_penalty=1 (repeatable).",
        rich_help_panel=SEARCH,
    ),
]

Attention = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT|FILE",
        help="Show attention as terminal, json or pharaoh, or write it to a .png, .svg, .json or .align file.",
        rich_help_panel=ATTENTION,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="cross|self|encoder|decoder",
        help="Cross-attention, or self-attention of both sides, the encoder or the decoder.",
        show_default="cross",
        rich_help_panel=ATTENTION,
    ),
]
Layer = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Decoder layer to show.", show_default="the layer that aligns best", rich_help_panel=ATTENTION
    ),
]
Head = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Attention head to show.", show_default="the average of all heads", rich_help_panel=ATTENTION
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="N|all",
        help="Layer to show.",
        show_default="the layer that aligns best; all with --head all or self-attention",
        rich_help_panel=ATTENTION,
    ),
]
Heads = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="N|all",
        help="Attention head to show, or all in small maps.",
        show_default="the average of all heads",
        rich_help_panel=ATTENTION,
    ),
]
AttentionUnit = Annotated[
    Literal["word", "token"] | None,
    typer.Option(
        metavar="word|token",
        help="Show attention between words or tokens; in scripts without spaces, words are tokens.",
        show_default="word",
        rich_help_panel=ATTENTION,
    ),
]

Licence = Annotated[
    str | None,
    typer.Option(
        "--license",
        metavar="ID",
        help="Licence of the model, e.g. apache-2.0.",
        show_default="left open in the model card",
    ),
]
Device = Annotated[str, typer.Option(metavar="cpu|cuda|auto", help="Device to run on.", rich_help_panel=MACHINE)]
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=100_000,
        help="Sentences decoded at once; affects only speed and memory.",
        show_default="128 on a CPU, 1,024 on a GPU",
        rich_help_panel=MACHINE,
    ),
]
