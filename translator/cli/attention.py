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
    from translator.jobs.inspect.attention import AttentionMap, AttentionViewer
    from translator.jobs.translate.candidates import Candidate

FORMATS = ("terminal", "json", "pharaoh")
"""Formats on standard output."""
_FILE_FORMATS = {".json": "json", ".jsonl": "json", ".align": "pharaoh", ".png": "figure", ".svg": "figure"}
_MAX_MAPS = 20
"""Sentences in a figure."""
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


def reject_unused(layer: int | None, head: int | None, unit: str | None) -> None:
    """Raise UsageError for an option about attention in a command that computes none."""
    for name, value in (("--layer", layer), ("--head", head), ("--attention-unit", unit)):
        if value is not None:
            raise UsageError(name, "has no effect without --attention", "add --attention, see --help for its formats")


def with_attention(
    results: "Iterator[list[Candidate]]",
    sources: Iterable[str],
    viewer: "AttentionViewer | None",
    *,
    block_size: int = _BLOCK_SIZE,
) -> "Iterator[tuple[str, list[Candidate], AttentionMap | None]]":
    """Yield each source with its candidates and the attention map of the best one.

    The map is None for a blank line, and without a viewer.
    """
    remaining = iter(sources)
    while block := list(islice(results, min(block_size, _BLOCK_SIZE))):
        lines = list(islice(remaining, len(block)))
        best = [(line, candidates[0]) for line, candidates in zip(lines, block, strict=True)]
        yield from zip(lines, block, viewer.view_translations(best) if viewer else [None] * len(block), strict=True)


@contextmanager
def attention_file(request: AttentionRequest | None) -> "Iterator[Callable[[str, str, AttentionMap | None], None]]":
    """Yield a function that adds a source, its translation and its map to the file, which appears if the block succeeds."""
    from translator.jobs.inspect.attention import NOTICE
    from translator.report.figure import save_figure

    if request is None or request.file is None:
        yield lambda *_: None
    elif request.format == "figure":
        maps: list[AttentionMap] = []

        def keep(_source: str, _translation: str, attention_map: "AttentionMap | None") -> None:
            if attention_map and len(maps) <= _MAX_MAPS:  # one more than is drawn, to know whether any is left out
                maps.append(attention_map)

        yield keep
        if len(maps) > _MAX_MAPS:
            notify(f"{request.file}: shows the first {_MAX_MAPS} sentences; use a .json file for all of them")
        if maps:
            shown = [attention_map.heat_map for attention_map in maps[:_MAX_MAPS]]
            if warning := save_figure(shown, NOTICE, request.file):
                warn(warning)
        else:
            notify(f"{request.file}: not written, there are no sentences")
    else:
        with line_writer(request.file) as write:
            yield lambda *sentence: write(_file_line(request, *sentence))
    if request is not None and request.format in ("json", "pharaoh"):
        notify(f"note: {NOTICE}")


def _file_line(request: AttentionRequest, source: str, translation: str, attention_map: "AttentionMap | None") -> str:
    if request.format == "pharaoh":
        return attention_map.alignment if attention_map else ""
    record = attention_map and attention_map.as_record()
    return as_json({"source": source, "translation": translation, "attention": record})


def text_with_attention(
    request: AttentionRequest | None, translation: str, attention_map: "AttentionMap | None"
) -> str:
    """Return a translation as standard output shows it, with its attention if that goes there too."""
    if request is None or request.file is not None or attention_map is None:
        return translation
    if request.format == "pharaoh":
        return f"{translation} ||| {attention_map.alignment}"
    from translator.jobs.inspect.attention import NOTICE

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PAGE_WIDTH
    return "\n".join([translation, "", *attention_map.heat_map.draw(width, NOTICE), ""])
