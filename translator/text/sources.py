"""Where a corpus comes from: two plain files, TSV, JSONL, or the Hugging Face hub. Each yields aligned sentences or an error."""

import json
import os
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from translator.errors import DataError, MachineError, UsageError
from translator.text.corpus import Block, Corpus, CorpusSettings, Split, Stream
from translator.text.reader import BlockReader, read_lines

BLOCK_ROWS = 10_000
HUB_SECONDS = 10
LOCAL_ADVICE = "use local files: --set corpus.format=files --set corpus.folder=FOLDER"


def read_split(settings: CorpusSettings, split: Split) -> Corpus:
    """All pairs of a split, in order, none left out."""
    stream = open_split(settings, split)
    source, target = (list(chain.from_iterable(side)) for side in zip(*stream.blocks, strict=True))
    return Corpus(source, target, stream.places)


def open_split(settings: CorpusSettings, split: Split) -> Stream:
    """All pairs of a split, in order, none left out; faults are raised where they are met."""
    stream = open_hub(settings, split) if settings.format == "hub" else open_local(settings, split)
    return stream._replace(blocks=filled(stream))


def open_local(settings: CorpusSettings, split: Split) -> Stream:
    """A split from files."""
    name: str | tuple[str, str] = getattr(settings, split)
    if settings.format == "files":
        paths = two_files(settings, name)
        if split == "test" and not paths[0].exists():
            raise DataError(str(paths[0]), "no such file", "check the name, or do without: --set corpus.test=")
        return Stream(file_blocks(paths), (str(paths[0]), str(paths[1])))
    if not isinstance(name, str):
        raise UsageError(
            f"corpus.{split}", "found two names, expected one", f"format = {settings.format!r} has one file"
        )
    path = existing(settings.folder / name, f".{settings.format}")
    rows = read_tsv(path) if settings.format == "tsv" else read_jsonl(path, settings)
    return Stream(row_blocks(rows), (str(path), str(path)))


def two_files(settings: CorpusSettings, name: str | tuple[str, str]) -> tuple[Path, Path]:
    """The files of both sides. Raises UsageError where they are the same."""
    languages = settings.source_language, settings.target_language
    if isinstance(name, str):
        source, target = (existing(settings.folder / f"{name}.{language}") for language in languages)
    else:
        source, target = (settings.folder / one for one in name)
    if source == target or (source.exists() and target.exists() and source.samefile(target)):
        raise UsageError("[corpus]", f"{source} is given for both sides", "name the translations")
    return source, target


def file_blocks(paths: tuple[Path, Path]) -> Iterator[Block]:
    """Line n of one file with line n of the other. Raises DataError where their counts differ: nothing is cut to fit."""
    with closing(BlockReader(paths[0])) as source, closing(BlockReader(paths[1])) as target:
        while lines := source.read():
            block = Block(lines, target.read(len(lines)))
            if len(block.target) < len(block.source):
                raise unequal(source, target, block.source[len(block.target) :])
            yield block
        if more := target.read():
            raise unequal(target, source, more)


def unequal(longer: BlockReader, shorter: BlockReader, extra: list[str]) -> DataError:
    """The error for files of different lengths, once the longer one is counted; `extra` are the first lines too many."""
    is_blank = not any(map(str.strip, extra))
    while more := longer.read():
        is_blank = is_blank and not any(map(str.strip, more))
    advice = "remove the trailing blank line" if is_blank else "line n of one must translate line n of the other"
    found = f"{longer.num_lines:,} lines, but {shorter.path} has {shorter.num_lines:,}"
    return DataError(str(longer.path), found, advice)


def row_blocks(rows: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Rows of two fields as blocks."""
    remaining = iter(rows)
    while some := list(islice(remaining, BLOCK_ROWS)):
        source, target = (
            [unicodedata.normalize("NFC", row[side].removesuffix("\r")) for row in some] for side in (0, 1)
        )
        yield Block(source, target)


def filled(stream: Stream) -> Iterator[Block]:
    """The blocks. Raises DataError at the end if a side has nothing but blank lines."""
    is_filled = [False, False]
    for block in stream.blocks:
        is_filled = [so_far or any(map(str.strip, side)) for so_far, side in zip(is_filled, block, strict=True)]
        yield block
    for place, good in zip(stream.places, is_filled, strict=True):
        if not good:
            raise DataError(place, "is empty", "give a file with sentences")


def existing(path: Path, suffix: str = "") -> Path:
    """The path itself, or with a suffix, or gzipped: the first that is there."""
    candidates = [path, Path(f"{path}{suffix}"), Path(f"{path}.gz"), Path(f"{path}{suffix}.gz")]
    return next((one for one in candidates if one.exists() and not one.is_dir()), candidates[1])


def read_tsv(path: Path) -> Iterator[tuple[str, str]]:
    """Rows of exactly two fields; quotes and the word NA are text."""
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if len(fields) != 2:
            advice = "a sentence may not hold a tab"
            raise DataError(f"{path}:{number}", f"found {len(fields)} fields, expected 2 separated by a tab", advice)
        yield fields[0], fields[1]


def read_jsonl(path: Path, settings: CorpusSettings) -> Iterator[tuple[str, str]]:
    """An object a line."""
    for number, line in enumerate(read_lines(path), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}", f"not JSON ({error})", "each line holds one object") from error
        yield fields_of(row, settings, f"{path}:{number}")


def fields_of(row: Any, settings: CorpusSettings, place: str) -> tuple[str, str]:
    """Source and target of a row, also where they are nested as {"translation": {"en": ..., "de": ...}}."""
    if isinstance(row, dict) and isinstance(row.get("translation"), dict):
        row = row["translation"]
    hub = settings.hub
    names = hub.source_column or settings.source_language, hub.target_column or settings.target_language
    found = [row.get(name) if isinstance(row, dict) else None for name in names]
    if not all(isinstance(one, str) for one in found):
        there = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
        advice = "set corpus.hub.source_column and corpus.hub.target_column"
        raise DataError(place, f"expected text fields {names[0]!r} and {names[1]!r}, found {there}", advice)
    source, target = (str(one).replace("\r\n", " ").replace("\n", " ") for one in found)
    if "\0" in source + target:
        raise DataError(place, "a NUL character", "remove it; text has none")
    try:
        (source + target).encode()
    except UnicodeEncodeError as error:
        raise DataError(place, "half of a surrogate pair, which is no text", "write the character itself") from error
    return source, target


def open_hub(settings: CorpusSettings, split: Split) -> Stream:
    """A split of a hub data set, or of a local folder of the same shape. Code of a data set is never run."""
    hub = settings.hub
    if not hub.name:
        raise UsageError("corpus.hub.name", "is empty", "expected owner/name, or " + LOCAL_ADVICE)
    revision = None if Path(hub.name).is_dir() else resolve_revision(hub.name, hub.revision)
    import datasets

    datasets.disable_progress_bars()
    wanted = getattr(hub, split)
    try:
        rows = datasets.load_dataset(hub.name, hub.configuration, split=wanted, revision=revision)
    except (OSError, ConnectionError) as error:
        raise MachineError(hub.name, f"cannot be loaded ({first_line(error)})", LOCAL_ADVICE) from error
    except RuntimeError as error:
        raise UsageError(hub.name, "data sets with code are not supported", LOCAL_ADVICE) from error
    except datasets.exceptions.DatasetsError as error:
        why = error.__cause__ or error
        kind = MachineError if isinstance(why, OSError) else DataError
        raise kind(hub.name, f"cannot be read ({first_line(why)})", LOCAL_ADVICE) from error
    except (ValueError, KeyError) as error:
        raise UsageError("corpus.hub", f"{hub.name}: {first_line(error)}", "check configuration and split") from error
    place = f"{hub.name}:{wanted}"
    pairs = (fields_of(row, settings, f"{place}:{number}") for number, row in enumerate(rows, 1))
    return Stream(row_blocks(pairs), (place, place), revision)


def resolve_revision(name: str, revision: str | None) -> str | None:
    """The commit that a data set's revision stands for now. Raises MachineError where the hub cannot be reached."""
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(HUB_SECONDS))
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return HfApi().dataset_info(name, revision=revision, timeout=HUB_SECONDS).sha
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UsageError(
            "corpus.hub", f"no data set {name!r} at revision {revision or 'main'!r}", "check the name"
        ) from error
    except Exception as error:  # the hub's client raises many kinds for a network that is not there
        raise MachineError(name, f"cannot reach the Hugging Face hub ({type(error).__name__})", LOCAL_ADVICE) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def labels_path(settings: CorpusSettings, split: Split, suffix: str) -> Path | None:
    """The file beside plain ones that says something of each pair of a split (`.kind`, `.align`), where there is one."""
    name = getattr(settings, split)
    path = settings.folder / f"{name}{suffix}"
    return path if settings.format == "files" and isinstance(name, str) and path.is_file() else None


def read_labels(settings: CorpusSettings, split: Split, suffix: str, *, num_pairs: int) -> list[str] | None:
    """What `labels_path` says, None where there is no such file. Raises DataError where it is not of so many pairs."""
    path = labels_path(settings, split, suffix)
    lines = None if path is None else list(read_lines(path))
    if lines is not None and len(lines) != num_pairs:
        found = f"{len(lines):,} lines, but there are {num_pairs:,} {split} pairs"
        raise DataError(str(path), found, "line n must be about pair n; mend it, or take it away")
    return lines
