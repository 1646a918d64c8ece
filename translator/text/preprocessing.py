"""Text in the form of another program: subword marks, Moses tokenisation, HTML. Models and scores expect plain text."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from translator.errors import abbreviated

MIN_SHARE = 0.01
"""Share of the lines from which a form is reported."""
FORMS = {
    "with BPE marks (@@) of another program": (("@@",), re.compile(r"@@(?= |$)")),
    "with SentencePiece marks (U+2581) of another program": (("\u2581",), re.compile("\u2581")),
    "with Moses tokenisation (@-@, &apos;)": (("@-@", "&apos;"), re.compile(r"(?<!\S)@[-,.]@(?!\S)|&apos;")),
    "with HTML entities": (("&",), re.compile(r"&(?!apos;)(?:[A-Za-z]{2,8}|#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,6});")),
    "with HTML tags": (("<",), re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]{0,200})?/?>")),
}
"""Each form with texts of which every such line contains one, and the pattern of such lines."""
_MAX_EXAMPLE_CHARACTERS = 60


class Form(NamedTuple):
    """Lines in one of the FORMS."""

    what: str
    indices: list[int]


def find_forms(lines: Sequence[str], text: str | None = None) -> list[Form]:
    """Return the forms that occur; `text`, if given, contains all lines."""
    text = "\n".join(lines) if text is None else text
    found = []
    for what, (marks, pattern) in FORMS.items():
        if any(mark[0] in text and mark in text for mark in marks):
            indices = [index for index, line in enumerate(lines) if pattern.search(line)]
            found += [Form(what, indices)] if indices else []
    return found


def form_warnings(lines: Sequence[str], name: str) -> list[str]:
    """Return a warning with an example for each form that 1 % of the lines or more have."""
    warnings = []
    for what, indices in find_forms(lines):
        if len(indices) >= MIN_SHARE * len(lines):
            first = indices[0]
            example = abbreviated(lines[first], _MAX_EXAMPLE_CHARACTERS)
            warnings.append(
                f"{len(indices):,} of {len(lines):,} {name} {what}, the first in line {first + 1}: {example}; "
                "scores are comparable only with those of plain text"
            )
    return warnings
