"""Heat maps as PNG or SVG, by matplotlib, which is imported only here (`pip install matplotlib`).

Shades of one hue from light to dark, so that their order shows without colour and on paper. Words are text, never markup.
"""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from translator.errors import MachineError
from translator.report.heat_map import HeatMap, cells
from translator.storage.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "Blues"
CELL, LETTER, GAP = 0.24, 0.085, 0.7  # inches: a cell's side, a letter of a label, between two maps
LARGEST, DOTS_PER_INCH = 40.0, 150
LONGEST_LABEL = 24
SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "svg.fonttype": "none",  # text stays text, in whatever font the viewer has
    "svg.hashsalt": "translator",  # the same picture twice is the same file
}


def require_matplotlib() -> None:
    """Raise MachineError where it is not installed."""
    if find_spec("matplotlib") is None:
        raise MachineError("matplotlib", "is not installed", "pip install matplotlib")


def save_figure(maps: Sequence[HeatMap], caption: str, path: Path) -> None:
    """Draw the maps one below the other into a file of the kind that its suffix names; whole or not at all."""
    write_file(path, render(maps, caption, path.suffix[1:]))


def render(maps: Sequence[HeatMap], caption: str, form: str) -> bytes:
    """The content of such a file; `form` is its suffix without the dot."""
    from matplotlib import rc_context

    content, metadata = BytesIO(), {"Date": None} if form == "svg" else None
    with rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # in a PNG, a box stands for it
        figure = draw_figure(maps, caption)
        figure.savefig(content, format=form, dpi=DOTS_PER_INCH, bbox_inches="tight", metadata=metadata)
    return content.getvalue()


def draw_figure(maps: Sequence[HeatMap], caption: str) -> "Figure":
    """All maps at one scale, each cell a square; smaller where they would not fit the largest picture."""
    from matplotlib.figure import Figure

    tops = [GAP + LETTER * longest(one.columns) for one in maps]
    left = LETTER * max((longest(one.rows) for one in maps), default=0) + 0.1
    width = left + CELL * max((len(one.columns) for one in maps), default=0) + 1.0
    height = sum(tops) + CELL * sum(len(one.rows) for one in maps) + GAP
    scale = min(1.0, LARGEST / max(width, height))
    figure = Figure(figsize=(width * scale, height * scale))
    down = 0.0
    for one, top in zip(maps, tops, strict=True):
        down += top + CELL * len(one.rows)
        size = CELL * len(one.columns) / width, CELL * len(one.rows) / height
        axes = figure.add_axes((left / width, 1 - down / height, *size))
        draw_map(axes, one, scale)
        if one is maps[0]:
            bar = figure.add_axes((left / width + size[0] + 0.2 / width, 1 - down / height, 0.12 / width, size[1]))
            figure.colorbar(axes.images[0], cax=bar).ax.tick_params(labelsize=8 * scale)
    figure.text(left / width, 0.4 * GAP / height, caption, fontsize=8 * scale, style="italic")
    return figure


def draw_map(axes: "Axes", one: HeatMap, scale: float) -> None:
    """One map with its words: the source's above, read upwards."""
    axes.imshow(one.weight, cmap=COLOURS, vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    axes.set_title(one.title, fontsize=9 * scale, loc="left", pad=8 * scale)
    axes.set_xticks(np.arange(len(one.columns)), [label(word) for word in one.columns], rotation=90)
    axes.set_yticks(np.arange(len(one.rows)), [label(word) for word in one.rows])
    axes.tick_params(labelsize=9 * scale, length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    right, bottom = len(one.columns) - 0.5, len(one.rows) - 0.5
    axes.vlines(np.arange(0.5, right), -0.5, bottom, color="white", linewidth=scale)
    axes.hlines(np.arange(0.5, bottom), -0.5, right, color="white", linewidth=scale)


def label(word: str) -> str:
    """A word for the side of a map."""
    return "".join(cells(word, LONGEST_LABEL))


def longest(words: Sequence[str]) -> int:
    """Letters of the longest label."""
    return max((len(cells(word, LONGEST_LABEL)) for word in words), default=0)
