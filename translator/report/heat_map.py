"""Heat maps in block characters: one row per target word, one column per source word, its letters from top to bottom.

A map that is too wide is split into panels, and long words end in an ellipsis. Control characters are escaped; wide
characters take two columns of the terminal, combining characters take no column.
"""

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from translator.text.visible import visible

_SHADES = {0.05: "░░", 0.25: "▒▒", 0.5: "▓▓", 0.75: "██"}
"""The two characters of a cell from each weight on."""
_BELOW_ALL = " ·"
_LEGEND = "  ".join(f"{shade[0]} from {minimum:g}" for minimum, shade in _SHADES.items())
_MAX_ROW_LABEL, _MAX_COLUMN_LABEL = 18, 12
_MAX_CHARACTERS = 100
"""Characters of a word that are shown, even if they take no width."""


class HeatMap(NamedTuple):
    """Weights between 0 and 1, with words as labels of rows and columns."""

    weight: NDArray[np.float64]
    rows: Sequence[str]
    columns: Sequence[str]
    title: str

    def draw(self, width: int, caption: str) -> list[str]:
        """Return the lines of the picture, each at most `width` columns wide (but at least one cell)."""
        labels = [cells(word, min(_MAX_ROW_LABEL, max(width // 4, 2))) for word in self.rows]
        label_width = max(map(width_of, labels), default=0)
        num_panels = -(-len(self.columns) // max((width - label_width - 1) // 2, 1))
        per_panel = -(-len(self.columns) // max(num_panels, 1)) or 1
        lines = wrap(self.title, width)
        for first in range(0, len(self.columns), per_panel):
            # The source words are written downwards, so that they end above their cells.
            words = [cells(word, _MAX_COLUMN_LABEL)[::-1] for word in self.columns[first : first + per_panel]]
            rows = zip_longest(*words, fillvalue="")
            header = ["".join(" " * (2 - width_of([cell])) + cell for cell in row) for row in rows]
            lines += ["", *((" " * (label_width + 1) + line).rstrip() for line in reversed(header))]
            for label, weights in zip(labels, self.weight[:, first : first + per_panel], strict=True):
                shades = "".join(_shade_of(float(weight)) for weight in weights)
                lines.append(f"{' ' * (label_width - width_of(label))}{''.join(label)} {shades}".rstrip())
        return [*lines, "", *wrap(_LEGEND, width), *wrap(caption, width)]


def _shade_of(weight: float) -> str:
    return next((shade for minimum, shade in reversed(_SHADES.items()) if weight >= minimum), _BELOW_ALL)


def cells(word: str, widest: int) -> list[str]:
    """Return the characters of a word, each with its combining marks, cut to a width with an ellipsis."""
    characters: list[str] = []
    for character in visible(word).replace("\t", "\\x09").replace("\n", "\\x0a")[:_MAX_CHARACTERS]:
        if characters and width_of([character]) == 0:
            characters[-1] += character
        else:
            characters.append(character)
    if width_of(characters) <= widest:
        return characters
    while width_of(characters) >= widest:
        characters.pop()
    return [*characters, "…"]


def width_of(characters: Sequence[str]) -> int:
    """Return the number of terminal columns that these characters take."""
    return sum(cell_len(character) for text in characters for character in text)
