"""Heat maps in block characters: one row per target word, one column per source word, its letters from top to bottom.

A single map has cells of two characters, and one that is too wide is split into panels. Several maps are panels with cells of
one character, side by side as far as they fit. Long words end in an ellipsis. Control characters are escaped; wide characters
take two columns of the terminal, combining characters take no column.
"""

from collections.abc import Iterator, Sequence
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
_GAP = 2
"""Columns between two panels."""
_MAX_CHARACTERS = 100
"""Characters of a word that are shown, even if they take no width."""


class HeatMap(NamedTuple):
    """Weights between 0 and 1, with words as labels of rows and columns."""

    weight: NDArray[np.float64]
    rows: Sequence[str]
    columns: Sequence[str]
    title: str = ""

    def split(self, most: int) -> "Iterator[HeatMap]":
        """Yield the map in panels of at most `most` columns and of similar width."""
        num_panels = -(-len(self.columns) // most)  # rounded up
        per_panel = -(-len(self.columns) // max(num_panels, 1)) or 1
        for first in range(0, len(self.columns), per_panel):
            chosen = slice(first, first + per_panel)
            yield self._replace(weight=self.weight[:, chosen], columns=self.columns[chosen])


class Sheet(NamedTuple):
    """Heat maps with the same words: one large map, or small multiples."""

    title: str
    maps: Sequence[HeatMap]
    per_row: int = 1  # maps side by side if there is room, such as the heads of a layer

    def draw(self, width: int, caption: str = "") -> list[str]:
        """Return the lines of the picture, each at most `width` columns wide (but at least one cell).

        Without a caption, the legend is left out too.
        """
        labels = [cells(word, min(_MAX_ROW_LABEL, max(width // 4, 2))) for word in self.maps[0].rows]
        label_width = max(map(width_of, labels), default=0)
        space, cell = max(width - label_width - 1, 2), self._cell_width()
        panels = [panel for heat_map in self.maps for panel in heat_map.split(space // cell)]
        per_row, lines = self._fitting(panels, space, cell), wrap(self.title, width)
        margin = " " * (label_width + 1)
        for first in range(0, len(panels), per_row):
            blocks = [_Block.of(panel, space, cell) for panel in panels[first : first + per_row]]
            height = max(len(block.header) for block in blocks)
            headers = zip(*([""] * (height - len(block.header)) + block.header for block in blocks), strict=True)
            lines += ["", *((margin + _beside(row, blocks)).rstrip() for row in headers)]
            for label, row in zip(labels, zip(*(block.body for block in blocks), strict=True), strict=True):
                word = " " * (label_width - width_of(label)) + "".join(label)
                lines.append(f"{word} {_beside(row, blocks)}".rstrip())
        return [*lines, "", *wrap(_LEGEND, width), *wrap(caption, width)] if caption else lines

    def balanced(self, fitting: int) -> int:
        """Return the number of maps per row, of which `fitting` fit side by side: few rows, about equally long."""
        num_rows = -(-self.per_row // max(min(fitting, self.per_row), 1))
        return -(-self.per_row // num_rows)

    def _cell_width(self) -> int:
        has_wide = any(cell_len(character) > 1 for word in self.maps[0].columns for character in word)
        return 2 if len(self.maps) == 1 or has_wide else 1

    def _fitting(self, panels: Sequence[HeatMap], space: int, cell: int) -> int:
        widest = max((max(cell * len(panel.columns), len(panel.title)) for panel in panels), default=1)
        return self.balanced((space + _GAP) // (widest + _GAP))


class _Block(NamedTuple):
    """The lines of a panel: its title and the words above its cells, and its rows."""

    width: int
    header: list[str]
    body: list[str]

    @classmethod
    def of(cls, panel: HeatMap, space: int, cell: int) -> "_Block":
        width = min(max(cell * len(panel.columns), len(panel.title)), space)
        # The words are written downwards, so that they end above their cells.
        words = [cells(word, _MAX_COLUMN_LABEL)[::-1] for word in panel.columns]
        rows = zip_longest(*words, fillvalue="")
        header = ["".join(" " * (cell - width_of([letter])) + letter for letter in row) for row in rows][::-1]
        body = ["".join(_shade_of(float(weight))[-cell:] for weight in row) for row in panel.weight]
        return cls(width, ["".join(cells(panel.title, width)), *header] if panel.title else header, body)


def _beside(texts: Sequence[str], blocks: Sequence[_Block]) -> str:
    """Return one line of each block, side by side."""
    padded = (text + " " * (block.width - width_of([text])) for text, block in zip(texts, blocks, strict=True))
    return (" " * _GAP).join(padded)


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
