"""Heat maps as PNG or SVG, drawn by matplotlib, which is imported only here.

The colours are shades of one hue from light to dark, so that their order is visible without colour and on paper. Words are
text, never markup.
"""

import re
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
    from matplotlib.figure import Figure

MAX_INCHES = 40.0
_MISSING_GLYPH = "Glyph .* missing"
_CELL, _LETTER, _GAP = 0.24, 0.085, 0.7  # inches: the side of a cell, a letter of a label, the space between two maps
_DOTS_PER_INCH = 150
_MAX_LABEL = 24
_MATPLOTLIB_SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "svg.fonttype": "none",  # text stays text, in a font of the viewer
    "svg.hashsalt": "translator",  # the same picture gives the same file
}


def require_matplotlib() -> None:
    """Raise MachineError if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise MachineError("matplotlib", "is not installed", "pip install matplotlib")


def save_figure(maps: Sequence[HeatMap], caption: str, path: Path) -> str | None:
    """Draw the maps below each other into a file, whose suffix decides the format. A failure leaves the old file.

    Returns a warning if matplotlib's font lacks some of the characters.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=_MISSING_GLYPH)
        content = render(maps, caption, path.suffix[1:], ignore_missing_glyphs=False)
    write_file(path, content)
    if path.suffix == ".svg" or not any(re.match(_MISSING_GLYPH, str(warning.message)) for warning in caught):
        return None
    return f"{path}: matplotlib's font lacks some characters, shown as boxes; write an .svg file, which uses your fonts"


def render(maps: Sequence[HeatMap], caption: str, form: str, *, ignore_missing_glyphs: bool = True) -> bytes:
    """Return a picture of the maps as the content of a file; `form` is its suffix without the dot."""
    from matplotlib import rc_context

    content, metadata = BytesIO(), {"Date": None} if form == "svg" else None
    with rc_context(_MATPLOTLIB_SETTINGS), warnings.catch_warnings():
        if ignore_missing_glyphs:  # a PNG shows a box for them
            warnings.filterwarnings("ignore", message=_MISSING_GLYPH)
        figure = _draw_figure(maps, caption)
        figure.savefig(content, format=form, dpi=_DOTS_PER_INCH, bbox_inches="tight", metadata=metadata)
    return content.getvalue()


def _draw_figure(maps: Sequence[HeatMap], caption: str) -> "Figure":
    """Draw all maps at one scale with square cells, smaller if they would exceed the largest picture."""
    from matplotlib.figure import Figure

    tops = [_GAP + _LETTER * _longest(heat_map.columns) for heat_map in maps]
    left = _LETTER * max((_longest(heat_map.rows) for heat_map in maps), default=0) + 0.1
    width = left + _CELL * max((len(heat_map.columns) for heat_map in maps), default=0) + 1.0
    height = sum(tops) + _CELL * sum(len(heat_map.rows) for heat_map in maps) + _GAP
    scale = min(1.0, MAX_INCHES / max(width, height))
    figure = Figure(figsize=(width * scale, height * scale))
    down = 0.0  # inches from the top to the lower edge of the current map
    for heat_map, top in zip(maps, tops, strict=True):
        down += top + _CELL * len(heat_map.rows)
        size = _CELL * len(heat_map.columns) / width, _CELL * len(heat_map.rows) / height
        axes = figure.add_axes((left / width, 1 - down / height, *size))
        axes.imshow(heat_map.weight, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
        axes.set_title(heat_map.title, fontsize=9 * scale, loc="left", pad=8 * scale)
        # The source words are above the map and read upwards.
        rows, columns = heat_map.rows, heat_map.columns
        axes.set_xticks(np.arange(len(columns)), ["".join(cells(word, _MAX_LABEL)) for word in columns], rotation=90)
        axes.set_yticks(np.arange(len(rows)), ["".join(cells(word, _MAX_LABEL)) for word in rows])
        axes.tick_params(labelsize=9 * scale, length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        right, bottom = len(columns) - 0.5, len(rows) - 0.5
        axes.vlines(np.arange(0.5, right), -0.5, bottom, color="white", linewidth=scale)
        axes.hlines(np.arange(0.5, bottom), -0.5, right, color="white", linewidth=scale)
        if heat_map is maps[0]:
            bar = figure.add_axes((left / width + size[0] + 0.2 / width, 1 - down / height, 0.12 / width, size[1]))
            figure.colorbar(axes.images[0], cax=bar).ax.tick_params(labelsize=8 * scale)
    figure.text(left / width, 0.4 * _GAP / height, caption, fontsize=8 * scale, style="italic")
    return figure


def _longest(words: Sequence[str]) -> int:
    """Return the number of letters of the longest label."""
    return max((len(cells(word, _MAX_LABEL)) for word in words), default=0)
