"""Find out the format of a corpus file from its content; the name only decides between CSV and plain text with commas."""

import re
import shlex
from collections import Counter
from itertools import islice
from pathlib import Path

from translator.errors import DataError
from translator.text.formats.delimited import find_delimiter
from translator.text.opening import explain_errors, is_archive, kind_of_zip, open_binary, uncompressed_name
from translator.text.reader import LineLimit, read_lines

_HEAD_BYTES = 4096
_HEAD_LINES = 200
_MOST = 0.8  # share of the lines that tabs must divide equally; the reader then reports the few that are damaged
_JSON = re.compile(rb'\s*(\{\s*"|\[\s*[\[{"])')
_GETTEXT = re.compile(rb'^msgid ".*\r?\n(".*\n)*msgstr "', re.MULTILINE)
_MARKUP = re.compile(rb"[\xff\xfe\s]*<(\?xml|!doctype|html|tmx|xliff)\b", re.IGNORECASE)
_MARKUP_KINDS = {
    b"<xliff": ("an XLIFF file", "xliff2po FILE FILE.po && po2csv FILE.po FILE.csv"),
    b"<html": ("an HTML page", "pandoc -t plain -o FILE.txt FILE"),
    b"<office:": ("an OpenDocument file", "soffice --convert-to xlsx FILE"),
    b"": ("an XML file", "export it as TMX"),
}
"""What markup that is not TMX is, by a tag near its beginning, and how to convert it."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def format_of(path: Path) -> str:
    """Return the name of the format in FORMATS; "files" for plain text, "zip" for an archive.

    Raises DataError, with the command that converts the file, if the format is known but cannot be read.
    """
    if is_archive(path):
        kind = kind_of_zip(path)
        if not kind:
            return "zip"
        if kind == "xl/workbook.xml":
            return "xlsx"
    elif path.is_file():
        with explain_errors(path), path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return "parquet"
    with explain_errors(path), open_binary(path) as stream:
        head = stream.read(_HEAD_BYTES).replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")  # UTF-16 has NUL bytes
    if _MARKUP.match(head):
        if b"<tmx" in head:
            return "tmx"
        what, command = next(kind for tag, kind in _MARKUP_KINDS.items() if tag in head.lower())
        raise DataError(
            str(path), f"is {what}, expected a corpus", f"convert it: {command.replace('FILE', shlex.quote(str(path)))}"
        )
    if _JSON.match(head):
        return "jsonl"
    if _GETTEXT.search(head):
        name = shlex.quote(str(path))
        raise DataError(str(path), "is a gettext file, expected a corpus", f"convert it: po2csv {name} {name}.csv")
    return _format_of_lines(path)


def _format_of_lines(path: Path) -> str:
    """Return whether text has columns, separated by tabs or as in CSV, or only lines."""
    lines = [line for line in islice(read_lines(path, LineLimit(skips=True)), _HEAD_LINES) if line.strip()]
    if not lines:
        raise DataError(str(path), "is empty or blank, expected a corpus", "check the file")
    num_tabs, count = Counter(line.count("\t") for line in lines).most_common(1)[0]
    if num_tabs and count >= _MOST * len(lines):
        return "csv" if _has_quoted_fields(lines) else "tsv"
    _, share = find_delimiter(lines)
    is_named_csv = Path(uncompressed_name(path.name)).suffix.lower() == ".csv"
    return "csv" if is_named_csv or (share == 1 and len(lines) > 1) else "files"


def _has_quoted_fields(lines: list[str]) -> bool:
    """Return whether quotes in lines with tabs enclose fields, as in CSV, and are not part of the text.

    They do if all fields are quoted, or if just those are quoted that contain quotes, which are doubled.
    """
    fields = [field for line in lines for field in line.split("\t") if field]
    quoted = [field for field in fields if field.startswith('"')]
    if not all(map(_QUOTED.fullmatch, quoted)):
        return False
    is_minimal = sum('"' in field for field in fields) == len(quoted) and all('"' in field[1:-1] for field in quoted)
    return bool(quoted) and (len(quoted) == len(fields) or is_minimal)
