"""Results in five forms: text to read, Markdown and LaTeX to paste, CSV and JSON for programs."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from translator.cli.console import as_json
from translator.errors import UsageError, expected_name
from translator.report.tables import Results, Table
from translator.text.visible import LINE_ENDS, plain_value, unbroken, visible

MAX_WIDTH = 100
"""Columns of a text table; what does not fit goes into another block below it."""
_NUMERIC = re.compile(r"-?|[-+]?\d.*|best\b.*")
"""Cells of columns that are aligned right."""
_MARKDOWN = re.compile(r"[\\`*_|<>~]|\](?=[(\[:])")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
        ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    }
)  # fmt: skip
_LATEX_RULES = """\
\\providecommand{\\toprule}{\\noalign{\\hrule height 0.08em\\vskip 0.65ex}}
\\providecommand{\\midrule}{\\noalign{\\vskip 0.4ex\\hrule height 0.05em\\vskip 0.65ex}}
\\providecommand{\\bottomrule}{\\noalign{\\vskip 0.4ex\\hrule height 0.08em}}"""
"""The rules of the package booktabs, for documents that do not use it."""


def choose_format(name: str | None, *, json: bool = False) -> str:
    """Return the name of the output format. Raises UsageError if it is unknown or contradicts --json."""
    if json and name not in (None, "json"):
        raise UsageError("--json", f"given together with --format {name}", "give one of them")
    if name is not None and name not in FORMATS:
        raise UsageError("--format", f"found {name!r}, expected {expected_name(name, FORMATS)}")
    return name or ("json" if json else "text")


def render(results: Results, form: str) -> str:
    """Return the results in one of the FORMATS, without a line feed at the end."""
    return FORMATS[form](results)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], max_width: int | None = None) -> list[str]:
    """Return the lines of a table, with columns of numbers aligned right.

    A table that is wider than `max_width` is cut into blocks of columns, each with the headings of the rows.
    """
    heading, *columns = [_padded(column, number) for number, column in enumerate(_columns(head, rows))]
    blocks, width = [[heading]], len(heading[0])
    for column in columns:
        width += 2 + len(column[0])
        if max_width is not None and width > max_width and len(blocks[-1]) > 1:
            blocks.append([heading])
            width = len(heading[0]) + 2 + len(column[0])
        blocks[-1].append(column)
    # A blank line in front of each block but the first.
    rows_of_blocks = (["", *("  ".join(cells).rstrip() for cells in zip(*block, strict=True))] for block in blocks)
    return list(chain.from_iterable(rows_of_blocks))[1:]


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[unbroken(cell) for cell in column] for column in zip(head, *rows, strict=True)]


def _padded(column: Sequence[str], number: int) -> list[str]:
    align, width = str.rjust if number and _is_numeric(column) else str.ljust, max(map(len, column))
    return [align(cell, width) for cell in column]


def _is_numeric(column: Sequence[str]) -> bool:
    """Return whether all cells below the title are numbers."""
    return all(_NUMERIC.fullmatch(cell) for cell in column[1:])


def _text(results: Results) -> str:
    tables = (
        [title, *aligned(head, rows, MAX_WIDTH), *([note] if note else [])]
        for title, head, rows, note in results.tables
    )
    parts = [[results.headline] if results.headline else [], *tables, results.notes]
    return "\n\n".join("\n".join(map(unbroken, part)) for part in parts if part)


def _markdown(results: Results) -> str:
    def escape(text: str) -> str:
        return _MARKDOWN.sub(r"\\\g<0>", _one_line(text)).replace("&", "&amp;")

    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    parts = [escape(results.headline)]
    for title, head, rows, note in results.tables:
        rule = [
            "---:" if number and _is_numeric(column) else "---" for number, column in enumerate(_columns(head, rows))
        ]
        lines = [row([escape(cell) for cell in cells]) for cells in (head, *rows)]
        parts += [f"**{escape(title)}**", "\n".join([lines[0], row(rule), *lines[1:]]), escape(note)]
    return "\n\n".join(filter(None, [*parts, *map(escape, results.notes)]))


def _latex(results: Results) -> str:
    def row(cells: Sequence[str]) -> str:
        text = " & ".join(_one_line(cell).translate(_LATEX) for cell in cells)
        return f"{'{}' if text.startswith(('[', '*')) else ''}{text} \\\\"  # these would be read as arguments of \\

    def tabular(table: Table) -> list[str]:
        columns = enumerate(_columns(table.head, table.rows))
        alignment = "".join("r" if number and _is_numeric(column) else "l" for number, column in columns)
        lines = [f"\\begin{{tabular}}{{{alignment}}}", "\\toprule", row(table.head), "\\midrule", *map(row, table.rows)]
        return [*_comments([table.title]), *lines, "\\bottomrule", "\\end{tabular}", *_comments([table.note])]

    parts = [_comments([results.headline]), [_LATEX_RULES], *map(tabular, results.tables), _comments(results.notes)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _comments(lines: Sequence[str]) -> list[str]:
    return [f"% {_one_line(line)}" for line in lines if line]


def _one_line(text: str) -> str:
    return visible(text.translate(LINE_ENDS))


def _csv(results: Results) -> str:
    """Return a line per system; nested names are joined by dots."""
    rows = [_flat(plain_value(dict(system))) for system in results.systems]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().removesuffix("\n")


def _flat(record: Mapping[str, Any]) -> dict[str, object]:
    """Flatten nested records: `scores.BLEU.value`. A record in a list is named by its first value."""
    flat: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = {str(next(iter(item.values()))): dict(list(item.items())[1:]) for item in value}
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": leaf for inner, leaf in _flat(value).items()}
        else:
            flat[name] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def _json(results: Results) -> str:
    return as_json(results.record, indent=1)


FORMATS: dict[str, Callable[[Results], str]] = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
