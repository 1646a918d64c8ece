"""A heat map in block characters: target words down, source words across, written from top to bottom.

What does not fit the width goes on in further panels, long words are cut with an ellipsis, and words are text and nothing
else: control characters are written out, wide characters take two columns, combining ones none.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
        lines = wrapped(self.title, width)
        for first in range(0, len(self.columns), per_panel):
            lines += ["", *self.header(slice(first, first + per_panel), label_width + 1)]
            for label, weights in zip(labels, self.weight[:, first : first + per_panel], strict=True):
                shades = "".join(shade_of(float(weight)) for weight in weights)
                lines.append(f"{' ' * (label_width - columns_of(label))}{''.join(label)} {shades}".rstrip())
        return [*lines, "", *wrapped(LEGEND, width), *wrapped(caption, width)]

    def header(self, panel: slice, indent: int) -> Iterator[str]:
        """The source words of a panel from top to bottom, their ends above the cells."""
        words = [cells(word, HIGHEST_LABEL, by_width=False) for word in self.columns[panel]]
        height = max(map(len, words), default=0)
        for level in range(height):
            row = [word[level - height + len(word)] if level >= height - len(word) else "" for word in words]
            yield (" " * indent + "".join(" " * (2 - columns_of([cell])) + cell for cell in row)).rstrip()


def shade_of(weight: float) -> str:
    """The two characters of a cell."""
    return next((shade for least, shade in reversed(SHADES.items()) if weight >= least), NOTHING)


def one_line(word: str) -> str:
    """The word as a terminal may show it, tabs and line ends written out too."""
    return visible(word).replace("\t", "\\x09").replace("\n", "\\x0a")


def cells(word: str, most: int, *, by_width: bool = True) -> list[str]:
    """The word's characters, each with what combines with it; at most so many, or as wide, the last an ellipsis."""
    found: list[str] = []
    for character in one_line(word)[:MOST_CHARACTERS]:
        if found and columns_of([character]) == 0:
            found[-1] += character
        else:
            found.append(character)
    size = columns_of if by_width else len
    if size(found) <= most:
        return found
    while size(found) >= most:
        found.pop()
    return [*found, "…"]


def columns_of(characters: Sequence[str]) -> int:
    """How many columns a terminal gives these characters."""
    return sum(width_of(character) for text in characters for character in text)


def width_of(character: str) -> int:
    """Two columns for wide characters, none for those that combine or have no shape, one for all others."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines that fit."""
    import textwrap

    return textwrap.wrap(text, max(width, 10))
