"""Plain-text tables."""

from collections.abc import Sequence

from translator.text.visible import unbroken

MAX_WIDTH = 100


def number(value: float | None, decimals: int) -> str:
    """Return the value with this many decimals, or a dash for None."""
    return "-" if value is None else f"{value:.{decimals}f}"


def table(names: Sequence[str], columns: Sequence[dict[str, str]]) -> list[str]:
    """Return the lines of a table with a column per name and a row per label; a label that a column lacks gets a dash.

    If it is wider than MAX_WIDTH it is transposed, and its columns are split into blocks that fit.
    """
    labels = list(dict.fromkeys(label for column in columns for label in column))
    cells = [[column.get(label, "-") for label in labels] for column in columns]
    lines = _align([["", *labels], *([name, *column] for name, column in zip(names, cells, strict=True))])
    if len(lines[0]) <= MAX_WIDTH:
        return lines
    header = ["", *names]
    blocks = [[header]]
    for column in zip(labels, *cells, strict=True):
        if len(blocks[-1]) > 1 and len(_align([*blocks[-1], column])[0]) > MAX_WIDTH:
            blocks.append([header])
        blocks[-1].append(list(column))
    return [line for block in blocks for line in ["", *_align(block)]][1:]


def rows_of(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table with a row per item; the columns with these titles are aligned right."""
    columns = [[unbroken(cell) for cell in column] for column in zip(head, *rows, strict=True)]
    aligned = []
    for title, column in zip(head, columns, strict=True):
        align, width = str.rjust if title in right else str.ljust, max(map(len, column))
        aligned.append([align(cell, width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*aligned, strict=True)]


def _align(columns: Sequence[Sequence[str]]) -> list[str]:
    """Set columns side by side, the first aligned left and the others right."""
    visible = [[unbroken(cell) for cell in column] for column in columns]
    widths = [max(map(len, column)) for column in visible]
    return [
        "  ".join([label.ljust(widths[0]), *map(str.rjust, cells, widths[1:])])
        for label, *cells in zip(*visible, strict=True)
    ]
