"""`--attention` on `translate` and `evaluate`: where the model looked, in a form on standard output or in a file."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from translator.cli.console import PAGE_WIDTH, as_json, notify
from translator.cli.files import check_output, written
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.jobs.inspect.attention import AttentionMap, Looker
    from translator.jobs.translate.translator import Candidate

FORMS = ("terminal", "json", "pharaoh")
SUFFIXES = {".json": "json", ".jsonl": "json", ".align": "pharaoh", ".png": "figure", ".svg": "figure"}
MOST_MAPS = 20
"""A figure shows no more sentences than these."""
TOGETHER = 64
"""Sentences that are looked into in one call, whose maps are all in memory."""

Attention = Annotated[
    str | None,
    typer.Option(
        metavar="FORM|FILE",
        help="Where the model looked: terminal, json, pharaoh, or a FILE ending in .png, .svg, .json or .align.",
    ),
]
Layer = Annotated[int | None, typer.Option(metavar="N", help="The layer to look into; default: what aligns best.")]
Head = Annotated[int | None, typer.Option(metavar="N", help="The head to look into; default: the average of all.")]


class Wanted(NamedTuple):
    """What `--attention` asks for."""

    form: str  # of FORMS, or "figure"
    file: Path | None  # None: standard output


def read_wanted(
    option: str | None, *, taken: tuple[Path | None, ...], force: bool, forms: tuple[str, ...] = FORMS
) -> Wanted | None:
    """The option's meaning; `taken` are the other files of the command.

    Raises UsageError or MachineError for a form or a file that will not do, before any work.
    """
    from translator.report.figure import require_matplotlib

    if option is None or option in forms:
        return Wanted(option, None) if option else None
    file = Path(option)
    if (form := SUFFIXES.get(file.suffix.lower())) is None:
        known = ", ".join((*forms, *(f"FILE{suffix}" for suffix in SUFFIXES)))
        raise UsageError("--attention", f"found {option!r}, expected one of {known}", "choose a form or name a file")
    if file.resolve() in [other.resolve() for other in taken if other is not None]:
        raise UsageError("--attention", f"{option} is another file of this command too", "choose another name")
    check_output(file, force=force)
    if form == "figure":
        require_matplotlib()
    return Wanted(form, file)


def refuse_unused(layer: int | None, head: int | None) -> None:
    """Raise UsageError for a layer or a head where nothing is looked at."""
    for name, number in (("--layer", layer), ("--head", head)):
        if number is not None:
            raise UsageError(name, "nothing is looked at", "add --attention; --help says in what forms")


def follow(
    found: "Iterator[list[Candidate]]", sources: Iterable[str], looker: "Looker | None", *, together: int = TOGETHER
) -> "Iterator[tuple[str, list[Candidate], AttentionMap | None]]":
    """Each sentence with its candidates and what the best one looked at, None for a blank line."""
    remaining = iter(sources)
    while block := list(islice(found, min(together, TOGETHER))):
        lines = list(islice(remaining, len(block)))
        best = [(line, candidates[0]) for line, candidates in zip(lines, block, strict=True)]
        yield from zip(lines, block, looker.look(best) if looker else [None] * len(block), strict=True)


@contextmanager
def attention_file(wanted: Wanted | None) -> "Iterator[Callable[[str, str, AttentionMap | None], None]]":
    """A function that takes a source, its translation and its map into the wanted file, which appears if all ends well."""
    from translator.jobs.inspect.attention import NOTICE

    maps: list[AttentionMap] = []
    if wanted is None or wanted.file is None:
        yield lambda source, translation, seen: None  # noqa: ARG005
    elif wanted.form == "figure":
        yield lambda source, translation, seen: maps.append(seen) if seen and len(maps) <= MOST_MAPS else None  # noqa: ARG005
        save_maps(maps, wanted.file)
    else:
        with written(wanted.file) as write:
            yield lambda *sentence: write(file_line(wanted.form, *sentence))
    if wanted is not None and wanted.form in ("json", "pharaoh"):
        notify(f"notice: {NOTICE}")


def write_maps(wanted: Wanted, looker: "Looker", sources: list[str], best: "list[Candidate]") -> None:
    """What the translations of a whole test set looked at, into the wanted file."""
    with attention_file(wanted) as keep:
        for source, [candidate], seen in follow(iter([candidate] for candidate in best), sources, looker):
            keep(source, candidate.text, seen)


def file_line(form: str, source: str, translation: str, seen: "AttentionMap | None") -> str:
    """A sentence's line in a file."""
    if form == "pharaoh":
        return seen.alignment if seen else ""
    record = {"source": source, "translation": translation, "attention": seen and seen.as_record()}
    return as_json(record)


def save_maps(maps: "list[AttentionMap]", path: Path) -> None:
    """The first of the maps as one figure."""
    from translator.jobs.inspect.attention import NOTICE
    from translator.report.figure import save_figure

    if len(maps) > MOST_MAPS:
        notify(f"{path}: the first {MOST_MAPS} sentences; a file ending in .json takes them all")
    if not maps:
        notify(f"{path}: not written, there is no sentence to draw")
        return
    save_figure([seen.heat_map for seen in maps[:MOST_MAPS]], NOTICE, path)


def shown(wanted: Wanted | None, translation: str, seen: "AttentionMap | None") -> str:
    """A translation as text on standard output, with what it looked at in the form that is wanted."""
    if wanted is None or wanted.file is not None or seen is None:
        return translation
    if wanted.form == "pharaoh":
        return f"{translation} ||| {seen.alignment}"
    from translator.jobs.inspect.attention import NOTICE

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PAGE_WIDTH
    return "\n".join([translation, "", *seen.heat_map.draw(width, NOTICE), ""])
