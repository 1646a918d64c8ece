"""Where a corpus comes from: two text files, TSV, JSON Lines or the Hugging Face hub.

FORMATS names the readers. Each maps (settings, split) to a `Stream` of aligned pairs and raises a DataError with file and line
for input that it cannot use. To add a format: one reader here and one line in FORMATS.
"""

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from translator.errors import DataError, MachineError, UsageError
from translator.settings import NameIn, Settings
from translator.text.corpus import Block, Corpus, Split, Stream
from translator.text.reader import GZIP_LIMITS, OVERLONG, BlockReader, LineLimit, read_lines

_BLOCK_ROWS = 10_000
_BLOCK_CHARACTERS = 2**22
_HUB_TIMEOUT_SECONDS = 10
_LOCAL_ADVICE = "use local files: --set corpus.format=files --set corpus.folder=FOLDER"


_FileName: TypeAlias = str | tuple[str, str]


class HubSettings(Settings):
    """`[corpus.hub]`: a data set of the Hugging Face hub, or a local folder with the same layout."""

    name: str = Field("", description="owner/name, or a local folder")
    configuration: str | None = Field(None, description="configuration of the data set, if it has several")
    revision: str | None = Field(None, description="commit or tag; the commit is recorded with the run")
    train: str = Field("train", description="split to train on")
    validation: str = Field("validation", description="split to validate on")
    test: str | None = Field(None, description="split to report scores on; empty: none")
    source_column: str | None = Field(None, description="column of the source; default: corpus.source_language")
    target_column: str | None = Field(None, description="column of the target; default: corpus.target_language")


class CorpusSettings(Settings):
    """`[corpus]`: where the sentences come from, and which training pairs are skipped."""

    format: Annotated[str, NameIn(lambda: FORMATS)] = Field("files", description="format of the corpus")
    source_language: str = Field("en", min_length=1, description="suffix of source files, key of source fields")
    target_language: str = Field("de", min_length=1, description="suffix of target files, key of target fields")
    folder: Path = Field(Path(), description="folder of the files; in a config file, relative to that file")
    train: _FileName = Field(
        "train", description=f"file name without the language, or a pair of file names; {GZIP_LIMITS}"
    )
    validation: _FileName = Field("valid", description="the same for validation")
    test: _FileName | None = Field(None, description="the same for the test set; empty: none")
    hub: HubSettings = Field(HubSettings(), description="data set for format = hub")
    max_line_bytes: int = Field(
        LineLimit().max_bytes,
        ge=1,
        lt=2**30,
        description="bytes in the longest line that is read, without its end; longer training lines are skipped",
    )
    max_words: int = Field(200, ge=1, description="words between spaces in the longest sentence that is trained on")
    max_characters: int = Field(
        5000, ge=1, description="characters in the longest sentence that is trained on, for text without spaces"
    )
    max_ratio: float = Field(
        9.0, ge=0, description="highest ratio of the words of one side to those of the other plus 2; 0: no limit"
    )
    misaligned: Literal["stop", "warn"] = Field(
        "stop", description="what to do if line n no longer seems to translate line n"
    )

    @property
    def has_test(self) -> bool:
        """Whether there is a test set."""
        return bool(self.hub.test if self.format == "hub" else self.test)

    def line_limit(self, split: Split) -> LineLimit:
        """Return how long the lines of a split may be. Only training pairs are skipped; other splits must be complete."""
        return LineLimit(self.max_line_bytes, skips=split == "train")


def open_files(settings: CorpusSettings, split: Split) -> Stream:
    """Open two text files, one per language."""
    name: str | tuple[str, str] = getattr(settings, split)
    if isinstance(name, str):
        languages = settings.source_language, settings.target_language
        source, target = (_existing(settings.folder / f"{name}.{language}") for language in languages)
    else:
        source, target = (settings.folder / file for file in name)
    if source == target or (source.exists() and target.exists() and source.samefile(target)):
        raise UsageError("[corpus]", f"found {source} for both sides, expected two files", f"change corpus.{split}")
    if split == "test" and not source.exists():
        advice = "check the name, or train without a test set: --set corpus.test="
        raise DataError(str(source), "no such file", advice)
    return Stream(_file_blocks(source, target, settings.line_limit(split)), (str(source), str(target)))


def open_tsv(settings: CorpusSettings, split: Split) -> Stream:
    """Open a file with a source, a tab and a target on each line. Quotes and the word NA have no special meaning."""

    def parse(line: str, place: str) -> tuple[str, str]:
        fields = line.split("\t")
        if len(fields) != 2:
            found = f"found {len(fields)} fields, expected 2 separated by a tab"
            raise DataError(place, found, "a sentence cannot contain a tab")
        return fields[0], fields[1]

    return _open_rows(settings, split, parse)


def open_jsonl(settings: CorpusSettings, split: Split) -> Stream:
    """Open a file with a JSON object on each line."""

    def parse(line: str, place: str) -> tuple[str, str]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(place, f"not JSON ({error})", "write one object on each line") from error
        return _pair_of_row(row, settings, split, place)

    return _open_rows(settings, split, parse)


def open_hub(settings: CorpusSettings, split: Split) -> Stream:
    """Open a hub data set, or a local folder with the same layout. Code that comes with a data set is never executed."""
    hub = settings.hub
    if not hub.name:
        raise UsageError("corpus.hub.name", "found '', expected owner/name", f"set it, or {_LOCAL_ADVICE}")
    revision = None if Path(hub.name).is_dir() else _resolve_revision(hub.name, hub.revision)
    import datasets

    datasets.disable_progress_bars()
    name = getattr(hub, split)
    try:
        rows = datasets.load_dataset(hub.name, hub.configuration, split=name, revision=revision)
    except (OSError, ConnectionError) as error:
        raise MachineError(hub.name, f"cannot be loaded ({_first_line(error)})", _LOCAL_ADVICE) from error
    except RuntimeError as error:
        raise UsageError(hub.name, "needs code to be loaded, which is not supported", _LOCAL_ADVICE) from error
    except datasets.exceptions.DatasetsError as error:
        cause = error.__cause__ or error
        kind = MachineError if isinstance(cause, OSError) else DataError
        raise kind(hub.name, f"cannot be read ({_first_line(cause)})", _LOCAL_ADVICE) from error
    except (ValueError, KeyError) as error:
        raise UsageError("corpus.hub", f"{hub.name}: {_first_line(error)}", "check configuration and split") from error
    place = f"{hub.name}:{name}"
    pairs = (_pair_of_row(row, settings, split, f"{place}:{number}") for number, row in enumerate(rows, 1))
    return Stream(_row_blocks(pairs), (place, place), revision)


FORMATS: dict[str, Callable[[CorpusSettings, Split], Stream]] = {
    "files": open_files,
    "tsv": open_tsv,
    "jsonl": open_jsonl,
    "hub": open_hub,
}


def open_split(settings: CorpusSettings, split: Split) -> Stream:
    """Open a split with all its pairs in order. Input errors are raised while the stream is read."""
    stream = FORMATS[settings.format](settings, split)
    return stream._replace(blocks=_require_text(stream))


def read_split(settings: CorpusSettings, split: Split) -> Corpus:
    """Read a whole split into memory."""
    stream = open_split(settings, split)
    source, target = (list(chain.from_iterable(side)) for side in zip(*stream.blocks, strict=True))
    return Corpus(source, target, stream.places)


def labels_path(settings: CorpusSettings, split: Split, suffix: str) -> Path | None:
    """Return the file next to the text files that labels each pair of a split (`.kind`, `.align`), or None."""
    name = getattr(settings, split)
    path = settings.folder / f"{name}{suffix}"
    return path if settings.format == "files" and isinstance(name, str) and path.is_file() else None


def read_labels(settings: CorpusSettings, split: Split, suffix: str, *, num_pairs: int) -> list[str] | None:
    """Read the file of `labels_path`, or return None if there is none. Raises DataError unless it has `num_pairs` lines."""
    path = labels_path(settings, split, suffix)
    if path is None:
        return None
    lines = list(read_lines(path, settings.line_limit(split)._replace(skips=False)))
    if len(lines) != num_pairs:
        found = f"found {len(lines):,} lines, expected {num_pairs:,}, one for each {split} pair"
        raise DataError(str(path), found, "correct the file, or remove it")
    return lines


def _existing(path: Path, suffix: str = "") -> Path:
    """Return the path itself, with the suffix, or gzipped: the first that exists."""
    candidates = [path, Path(f"{path}{suffix}"), Path(f"{path}.gz"), Path(f"{path}{suffix}.gz")]
    return next((path for path in candidates if path.exists() and not path.is_dir()), candidates[1])


def _open_rows(settings: CorpusSettings, split: Split, parse: Callable[[str, str], tuple[str, str]]) -> Stream:
    """Open a file that has both sides of a pair on each line; `parse` gets the line and its place for errors."""
    name: _FileName = getattr(settings, split)
    if not isinstance(name, str):
        advice = f"format = {settings.format!r} has both sides in one file"
        raise UsageError(f"corpus.{split}", "found two file names, expected one", advice)
    path = _existing(settings.folder / name, f".{settings.format}")
    rows = (
        (OVERLONG, OVERLONG) if line is OVERLONG else parse(line, f"{path}:{number}")
        for number, line in enumerate(read_lines(path, settings.line_limit(split)), 1)
    )
    return Stream(_row_blocks(rows), (str(path), str(path)))


def _file_blocks(source_path: Path, target_path: Path, limit: LineLimit) -> Iterator[Block]:
    """Pair the lines of two files. Raises DataError if one file is longer."""
    with closing(BlockReader(source_path, limit)) as source, closing(BlockReader(target_path, limit)) as target:
        # Both sides are read by bytes and paired by lines, so that neither is in memory by more than a block.
        while num_lines := min(source.fill(), target.fill()):
            yield Block(source.take(num_lines), target.take(num_lines))
        longer, shorter = (source, target) if source.fill() else (target, source)
        advice = "remove the trailing blank line"
        while longer.fill():  # count the lines without a partner
            if any(map(str.strip, longer.take())):
                advice = "line n of one file must translate line n of the other"
        if longer.num_lines > shorter.num_lines:
            found = f"found {longer.num_lines:,} lines, but {shorter.path} has {shorter.num_lines:,}"
            raise DataError(str(longer.path), found, advice)


def _row_blocks(rows: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Collect rows of (source, target) into blocks, which are smaller if the rows are long."""
    block, num_characters = Block([], []), 0
    for row in rows:
        for side, text in zip(block, row, strict=True):
            side.append(unicodedata.normalize("NFC", text.removesuffix("\r")))
            num_characters += len(text)
        if len(block.source) == _BLOCK_ROWS or num_characters > _BLOCK_CHARACTERS:
            yield block
            block, num_characters = Block([], []), 0
    if block.source:
        yield block


def _require_text(stream: Stream) -> Iterator[Block]:
    """Pass the blocks on. Raises DataError at the end if all lines of one side are blank."""
    has_text = [False, False]
    for block in stream.blocks:
        has_text = [so_far or any(map(str.strip, side)) for so_far, side in zip(has_text, block, strict=True)]
        yield block
    for place, is_filled in zip(stream.places, has_text, strict=True):
        if not is_filled:
            raise DataError(place, "found no text, expected a sentence on each line", "check the file")


def _pair_of_row(row: Any, settings: CorpusSettings, split: Split, place: str) -> tuple[str, str]:
    """Return source and target of a row, which may be nested as {"translation": {"en": ..., "de": ...}}."""
    if isinstance(row, dict) and isinstance(row.get("translation"), dict):
        row = row["translation"]
    hub = settings.hub
    names = hub.source_column or settings.source_language, hub.target_column or settings.target_language
    fields = [row.get(name) if isinstance(row, dict) else None for name in names]
    if not all(isinstance(field, str) for field in fields):
        found = f"fields {', '.join(map(str, row))}" if isinstance(row, dict) else type(row).__name__
        advice = "set corpus.hub.source_column and corpus.hub.target_column"
        raise DataError(place, f"found {found}, expected text fields {names[0]!r} and {names[1]!r}", advice)
    source, target = (str(field).replace("\r\n", " ").replace("\n", " ") for field in fields)
    if "\0" in source + target:
        raise DataError(place, "found a NUL character, expected text", "remove it")
    try:
        num_bytes = max(len(source.encode()), len(target.encode()))
    except UnicodeEncodeError as error:
        found = "found half of a surrogate pair, expected text"
        raise DataError(place, found, "write the character itself") from error
    limit = settings.line_limit(split)
    return (source, target) if num_bytes <= limit.max_bytes else (limit.exceeded(place), OVERLONG)


def _resolve_revision(name: str, revision: str | None) -> str | None:
    """Return the commit that a revision of a data set points to. Raises MachineError if the hub cannot be reached."""
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(_HUB_TIMEOUT_SECONDS))
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return HfApi().dataset_info(name, revision=revision, timeout=_HUB_TIMEOUT_SECONDS).sha
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        found = f"no data set {name!r} at revision {revision or 'main'!r}"
        raise UsageError("corpus.hub", found, "check the name") from error
    except Exception as error:  # the hub client raises many different exceptions without a network
        found = f"cannot reach the Hugging Face hub ({type(error).__name__})"
        raise MachineError(name, found, _LOCAL_ADVICE) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
