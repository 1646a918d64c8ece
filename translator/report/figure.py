"""Heat maps as PNG or SVG, drawn by matplotlib, which is imported only here.

The colours are shades of one hue from light to dark, so that their order is visible without colour and on paper. Words are
text, never markup. Words of scripts that are written from right to left are in that order.
"""

import re
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from translator.errors import MachineError
from translator.report.heat_map import HeatMap, Sheet, cells
from translator.storage.files import write_file
from translator.text.words import is_right_to_left

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_INCHES = 40.0
_MISSING_GLYPH = "Glyph .* missing"
# In inches: the width of a sheet of several maps, the usual and the smallest side of a cell, the space between sheets.
_PAGE, _CELL, _SMALLEST_CELL, _GAP = 7.5, 0.24, 0.1, 0.7
_FONT, _LETTER = 9.0, 0.085  # points, and the inches of a letter of a label in this size
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


def save_figure(sheets: Sequence[Sheet], caption: str, path: Path) -> str | None:
    """Draw the sheets below each other into a file, whose suffix decides the format. A failure leaves the old file.

    Returns a warning if matplotlib's font lacks some of the characters.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=_MISSING_GLYPH)
        content = render(sheets, caption, path.suffix[1:], ignore_missing_glyphs=False)
    write_file(path, content)
    if path.suffix == ".svg" or not any(re.match(_MISSING_GLYPH, str(warning.message)) for warning in caught):
        return None
    return f"{path}: matplotlib's font lacks some characters, shown as boxes; write an .svg file, which uses your fonts"


def render(sheets: Sequence[Sheet], caption: str, form: str, *, ignore_missing_glyphs: bool = True) -> bytes:
    """Return a picture of the sheets as the content of a file; `form` is its suffix without the dot."""
    from matplotlib import rc_context

    content, metadata = BytesIO(), {"Date": None} if form == "svg" else None
    with rc_context(_MATPLOTLIB_SETTINGS), warnings.catch_warnings():
        if ignore_missing_glyphs:  # a PNG shows a box for them
            warnings.filterwarnings("ignore", message=_MISSING_GLYPH)
        figure = _draw_figure(sheets, caption)
        figure.savefig(content, format=form, dpi=_DOTS_PER_INCH, bbox_inches="tight", metadata=metadata)
    return content.getvalue()


class _Layout(NamedTuple):
    """Where the maps of a sheet are: lengths in inches, fonts in points."""

    per_row: int
    cell: float
    left: float  # for the words beside the maps of a row
    top: float  # for the words and the title above a map
    gap: float  # between two maps
    map_width: float
    map_height: float

    @classmethod
    def of(cls, sheet: Sheet) -> "_Layout":
        """Return the layout with the most maps in a row whose words can still be read on a page."""
        rows, columns, is_single = sheet.maps[0].rows, sheet.maps[0].columns, len(sheet.maps) == 1
        letter = _LETTER if is_single else 0.8 * _LETTER
        left, gap, num_columns = letter * _longest(rows) + 0.1, 2 * letter, max(len(columns), 1)
        per_row = sheet.balanced(int((_PAGE - left + gap) // (_SMALLEST_CELL * num_columns + gap)))
        fitting_cell = (_PAGE - left - gap * (per_row - 1)) / (per_row * num_columns)
        cell = _CELL if is_single else min(max(fitting_cell, _SMALLEST_CELL), _CELL)
        top = letter * _longest(columns) + (0.4 if sheet.maps[0].title else 0.1)
        return cls(per_row, cell, left, top, gap, cell * len(columns), cell * len(rows))

    def size(self, num_maps: int) -> tuple[float, float]:
        """Return width and height of the sheet without its title."""
        width = self.left + self.per_row * (self.map_width + self.gap) - self.gap
        return width, -(-num_maps // self.per_row) * (self.top + self.map_height)

    @property
    def font(self) -> float:
        return min(_FONT, 60 * self.cell)  # smaller than a cell, which has 72 points in an inch


def _draw_figure(sheets: Sequence[Sheet], caption: str) -> "Figure":
    """Draw all sheets with square cells, scaled down if they would exceed the largest picture."""
    from matplotlib.figure import Figure

    layouts = [_Layout.of(sheet) for sheet in sheets]
    sizes = [layout.size(len(sheet.maps)) for layout, sheet in zip(layouts, sheets, strict=True)]
    left = max((layout.left for layout in layouts), default=0.0)
    maps_width = max((width - layout.left for (width, _), layout in zip(sizes, layouts, strict=True)), default=0.0)
    width = left + maps_width + 1.0  # with room for the colour bar
    height = sum(height + _GAP for _, height in sizes) + 0.3
    scale = min(1.0, MAX_INCHES / max(width, height))
    figure = Figure(figsize=(width * scale, height * scale))
    down = 0.0  # inches from the top to the upper edge of the current sheet
    for sheet, layout, size in zip(sheets, layouts, sizes, strict=True):
        figure.text(left / width, 1 - (down + 0.35) / height, sheet.title, fontsize=_FONT * scale, va="bottom")
        down += _GAP / 2
        for number, heat_map in enumerate(sheet.maps):
            row, column = divmod(number, layout.per_row)
            across = left + column * (layout.map_width + layout.gap)
            below = down + (row + 1) * (layout.top + layout.map_height)
            place = across / width, 1 - below / height, layout.map_width / width, layout.map_height / height
            axes = figure.add_axes(place)
            _draw_map(axes, heat_map, layout.font * scale, has_rows=column == 0)
            if sheet is sheets[0] and number == min(layout.per_row, len(sheet.maps)) - 1:
                bar = figure.add_axes((place[0] + place[2] + 0.2 / width, place[1], 0.12 / width, place[3]))
                figure.colorbar(axes.images[0], cax=bar).ax.tick_params(labelsize=8 * scale)
        down += size[1] + _GAP / 2
    figure.text(left / width, 0.2 / height, caption, fontsize=8 * scale, style="italic")
    return figure


def _draw_map(axes: "Axes", heat_map: HeatMap, font: float, *, has_rows: bool) -> None:
    """Draw one map. The source words are above it and read upwards; with `has_rows`, the target words are beside it."""
    rows, columns = heat_map.rows if has_rows else [""] * len(heat_map.rows), heat_map.columns
    axes.imshow(heat_map.weight, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    axes.set_title(heat_map.title, fontsize=font, loc="left", pad=font / 2)
    axes.set_xticks(np.arange(len(columns)), ["".join(cells(word, _MAX_LABEL)) for word in columns], rotation=90)
    axes.set_yticks(np.arange(len(rows)), ["".join(cells(word, _MAX_LABEL)) for word in rows])
    axes.tick_params(labelsize=font, length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    right, bottom = len(columns) - 0.5, len(rows) - 0.5
    axes.vlines(np.arange(0.5, right), -0.5, bottom, color="white", linewidth=font / 9)
    axes.hlines(np.arange(0.5, bottom), -0.5, right, color="white", linewidth=font / 9)
    if is_right_to_left(columns):
        axes.invert_xaxis()


def _longest(words: Sequence[str]) -> int:
    """Return the number of letters of the longest label."""
    return max((len(cells(word, _MAX_LABEL)) for word in words), default=0)
