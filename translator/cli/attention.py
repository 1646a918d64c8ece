"""The `--attention` option of `translate` and `evaluate`: attention weights on standard output or in a file."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from translator.cli.console import PAGE_WIDTH, as_json, notify, warn
from translator.cli.files import check_output, line_writer
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.evaluation.alignment import Unit
    from translator.jobs.inspect.attention import AttentionMaps, AttentionViewer
    from translator.jobs.inspect.views import Choice
    from translator.jobs.translate.candidates import Candidate
    from translator.jobs.translate.translator import Translator
    from translator.runs.folder import RunFolder

FORMATS = ("terminal", "json", "pharaoh")
"""Formats on standard output."""
_FILE_FORMATS = {".json": "json", ".jsonl": "json", ".align": "pharaoh", ".png": "figure", ".svg": "figure"}
_MAX_MAPS = 20
"""Heat maps in a figure, unless a single sentence has more."""
_BLOCK_SIZE = 64
"""Sentences whose attention is computed in one call and held in memory."""


class AttentionRequest(NamedTuple):
    """What `--attention` asks for."""

    format: str  # one of FORMATS, or "figure"
    file: Path | None  # None: standard output


def parse_attention(
    option: str | None, *, other_files: tuple[Path | None, ...], force: bool, formats: tuple[str, ...] = FORMATS
) -> AttentionRequest | None:
    """Return what the option asks for; `other_files` are the other files of the command.

    Raises UsageError or MachineError for an unknown format or an unusable file, before any work is done.
    """
    from translator.report.figure import require_matplotlib

    if option is None or option in formats:
        return AttentionRequest(option, None) if option else None
    file = Path(option)
    if (file_format := _FILE_FORMATS.get(file.suffix.lower())) is None:
        known = ", ".join((*formats, *(f"FILE{suffix}" for suffix in _FILE_FORMATS)))
        raise UsageError("--attention", f"found {option!r}, expected one of {known}")
    if file.resolve() in [path.resolve() for path in other_files if path is not None]:
        raise UsageError("--attention", f"{option} is also another file of this command", "choose another name")
    check_output(file, force=force)
    if file_format == "figure":
        require_matplotlib()
    return AttentionRequest(file_format, file)


class ViewRequest(NamedTuple):
    """Which attention to show, as the options say."""

    kind: str | None
    layer: str | None
    head: str | None
    unit: "Unit | None"

    def reject_unused(self) -> None:
        """Raise UsageError for an option about attention in a command that computes none."""
        for name, value in zip(("--kind", "--layer", "--head", "--attention-unit"), self, strict=True):
            if value is not None:
                raise UsageError(
                    name, "has no effect without --attention", "add --attention, see --help for its formats"
                )

    def require_one(self, place: str) -> None:
        """Raise UsageError for what has no word alignment: self-attention and several layers or heads."""
        for name, value in (("--kind", self.kind), ("--layer", self.layer), ("--head", self.head)):
            if value == "all" or (name == "--kind" and value not in (None, "cross")):
                problem = f"needs cross-attention of one layer and one head, or the average, but {name} is {value}"
                raise UsageError(place, problem, f"leave out {name}")

    def viewer(self, translator: "Translator", run: "RunFolder") -> "AttentionViewer":
        """Return the viewer of a run. Raises UsageError for a kind, layer or head that does not exist."""
        from translator.jobs.inspect.attention import AttentionViewer

        layer, head = _choice("--layer", self.layer), _choice("--head", self.head)
        unit = self.unit or "word"
        return AttentionViewer(translator, run, layer=layer, head=head, kind=self.kind or "cross", unit=unit)


def _choice(name: str, value: str | None) -> "Choice":
    if value is None or value == "all":
        return value  # type: ignore[return-value]  # mypy does not narrow a string to "all"
    if not value.isdecimal() or len(value) > 9:
        raise UsageError(name, f"found {value!r}, expected a number or all", "numbers are counted from 1")
    return int(value)


def with_attention(
    results: "Iterator[list[Candidate]]",
    sources: Iterable[str],
    viewer: "AttentionViewer | None",
    *,
    block_size: int = _BLOCK_SIZE,
) -> "Iterator[tuple[str, list[Candidate], AttentionMaps | None]]":
    """Yield each source with its candidates and the attention maps of the best one.

    The maps are None for a blank line, and without a viewer.
    """
    remaining = iter(sources)
    while block := list(islice(results, min(block_size, _BLOCK_SIZE))):
        lines = list(islice(remaining, len(block)))
        best = [(line, candidates[0]) for line, candidates in zip(lines, block, strict=True)]
        yield from zip(lines, block, viewer.view_all(best) if viewer else [None] * len(block), strict=True)


@contextmanager
def attention_file(request: AttentionRequest | None) -> "Iterator[Callable[[str, str, AttentionMaps | None], None]]":
    """Yield a function that adds a source, its translation and its map to the file, which appears if the block succeeds."""
    from translator.jobs.inspect.attention import NOTICE
    from translator.report.figure import save_figure

    if request is None or request.file is None:
        yield lambda *_: None
    elif request.format == "figure":
        found: list[AttentionMaps] = []

        def keep(_source: str, _translation: str, attention_maps: "AttentionMaps | None") -> None:
            if attention_maps and len(found) <= _MAX_MAPS:  # one more than is drawn, to know whether any is left out
                found.append(attention_maps)

        yield keep
        most = max(_MAX_MAPS // len(found[0].maps), 1) if found else 0
        if len(found) > most:
            what = f"the first {most} sentences" if most > 1 else "the first sentence"
            notify(f"{request.file}: shows {what}; use a .json file for all of them")
        if found:
            shown = [sheet for attention_maps in found[:most] for sheet in attention_maps.sheets]
            if warning := save_figure(shown, NOTICE, request.file):
                warn(warning)
        else:
            notify(f"{request.file}: not written, there are no sentences")
    else:
        with line_writer(request.file) as write:
            yield lambda *sentence: write(_file_line(request, *sentence))
    if request is not None and request.format in ("json", "pharaoh"):
        notify(f"note: {NOTICE}")


def _file_line(request: AttentionRequest, source: str, translation: str, attention_maps: "AttentionMaps | None") -> str:
    if request.format == "pharaoh":
        return attention_maps.alignment if attention_maps else ""
    record = attention_maps and attention_maps.as_record()
    return as_json({"source": source, "translation": translation, "attention": record})


def text_with_attention(
    request: AttentionRequest | None, translation: str, attention_maps: "AttentionMaps | None"
) -> str:
    """Return a translation as standard output shows it, with its attention if that goes there too."""
    if request is None or request.file is not None or attention_maps is None:
        return translation
    if request.format == "pharaoh":
        return f"{translation} ||| {attention_maps.alignment}"
    from translator.jobs.inspect.attention import NOTICE

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PAGE_WIDTH
    *sheets, last = attention_maps.sheets
    drawn = [line for sheet in sheets for line in [*sheet.draw(width), ""]] + last.draw(width, NOTICE)
    return "\n".join([translation, "", *drawn, ""])
