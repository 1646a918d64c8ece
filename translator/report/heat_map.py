"""A heat map in block characters: target words down, source words across, written from top to bottom.

What does not fit the width goes on in further panels, long words are cut with an ellipsis, and words are text and nothing
else: control characters are written out, wide characters take two columns, combining ones none.
"""

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from translator.text.visible import visible

SHADES = {0.05: "░░", 0.25: "▒▒", 0.5: "▓▓", 0.75: "██"}
"""What a cell shows from this weight on; below the first, a dot to lead the eye."""
NOTHING = " ·"
LEGEND = "  ".join(f"{shade[0]} from {least:g}" for least, shade in SHADES.items())
WIDEST_LABEL, HIGHEST_LABEL = 18, 12
MOST_CHARACTERS = 100
"""However many of a word's characters take no width."""


class HeatMap(NamedTuple):
    """Weights between 0 and 1, with words for their rows and columns."""

    weight: NDArray[np.float64]
    rows: Sequence[str]
    columns: Sequence[str]
    title: str

    def draw(self, width: int, caption: str) -> list[str]:
        """The lines of the picture, each of at most `width` columns, or of the little that a cell needs."""
        labels = [cells(word, min(WIDEST_LABEL, max(width // 4, 2))) for word in self.rows]
        label_width = max(map(columns_of, labels), default=0)
        num_panels = -(-len(self.columns) // max((width - label_width - 1) // 2, 1))
        per_panel = -(-len(self.columns) // max(num_panels, 1)) or 1
        lines = wrap(self.title, width)
        for first in range(0, len(self.columns), per_panel):
            lines += ["", *self.header(slice(first, first + per_panel), label_width + 1)]
            for label, weights in zip(labels, self.weight[:, first : first + per_panel], strict=True):
                shades = "".join(shade_of(float(weight)) for weight in weights)
                lines.append(f"{' ' * (label_width - columns_of(label))}{''.join(label)} {shades}".rstrip())
        return [*lines, "", *wrap(LEGEND, width), *wrap(caption, width)]

    def header(self, panel: slice, indent: int) -> list[str]:
        """The source words of a panel from top to bottom, their ends above the cells."""
        words = [cells(word, HIGHEST_LABEL) for word in self.columns[panel]]
        rows = zip_longest(*(reversed(word) for word in words), fillvalue="")
        lines = ["".join(" " * (2 - columns_of([cell])) + cell for cell in row) for row in rows]
        return [(" " * indent + line).rstrip() for line in reversed(lines)]


def shade_of(weight: float) -> str:
    """The two characters of a cell."""
    return next((shade for least, shade in reversed(SHADES.items()) if weight >= least), NOTHING)


def cells(word: str, widest: int) -> list[str]:
    """The word's characters, each with what combines with it; if they are too wide, an ellipsis stands for the rest."""
    found: list[str] = []
    for character in visible(word).replace("\t", "\\x09").replace("\n", "\\x0a")[:MOST_CHARACTERS]:
        if found and columns_of([character]) == 0:
            found[-1] += character
        else:
            found.append(character)
    if columns_of(found) <= widest:
        return found
    while columns_of(found) >= widest:
        found.pop()
    return [*found, "…"]


def columns_of(characters: Sequence[str]) -> int:
    """How many columns a terminal gives these characters."""
    return sum(cell_len(character) for text in characters for character in text)
