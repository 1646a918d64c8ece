"""Where a corpus comes from: aligned text files, tables in one of several formats, or the Hugging Face hub.

FORMATS names the formats. Each opener maps (settings, split) to a `Stream` of aligned pairs and raises a DataError with file and
line for input that it cannot use. To add a format: a reader of rows in `formats/` and a line in TABLES.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import Field

from translator.errors import DataError, UsageError
from translator.settings import NameIn, Settings
from translator.text.corpus import Block, Corpus, Split, Stream
from translator.text.formats.aligned_files import paired_lines
from translator.text.formats.delimited import read_csv, read_tsv
from translator.text.formats.hub import HubSettings, read_hub
from translator.text.formats.json_rows import read_json
from translator.text.formats.parquet import read_parquet
from translator.text.formats.spreadsheet import read_xlsx
from translator.text.formats.table import Layout, Reader, open_table
from translator.text.formats.tmx import read_tmx
from translator.text.nearby import advice_for_missing, files_in
from translator.text.opening import COMPRESSED_SUFFIXES, EXPANSION_LIMITS, is_there, uncompressed_name
from translator.text.reader import LineLimit, read_lines

_FileName: TypeAlias = str | tuple[str, str]
_ColumnKey: TypeAlias = Annotated[int, Field(ge=1)] | str
_LANGUAGE_SUFFIX = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")
_WITHOUT = {
    "validation": "hold some training pairs out: --set corpus.validation=",
    "test": "train without a test set: --set corpus.test=",
}
"""What to type if a split does not exist."""


class CorpusSource(Settings):
    """A corpus of `corpus.sources`; settings that are not given are those of [corpus]."""

    folder: Path = Field(Path(), description="folder of the files; in a config file, relative to that file")
    weight: float = Field(1.0, gt=0, le=1000, description="how often each pair occurs in an epoch, on average")
    format: Annotated[str, NameIn(lambda: FORMATS)] | None = Field(None, description="format of the corpus")
    train: _FileName | None = Field(None, description="name of the training file or files")


class CorpusSettings(Settings):
    """`[corpus]`: where the sentences come from, and which training pairs are skipped."""

    format: Annotated[str, NameIn(lambda: FORMATS)] = Field("files", description="format of the corpus")
    source_language: str = Field(
        "en", min_length=1, description="BCP 47 tag; suffix of source files, key of source fields"
    )
    target_language: str = Field(
        "de", min_length=1, description="BCP 47 tag; suffix of target files, key of target fields"
    )
    folder: Path = Field(Path(), description="folder of the files; in a config file, relative to that file")
    train: _FileName = Field(
        "train", description=f"file name without the language, or a pair of file names; {EXPANSION_LIMITS}"
    )
    validation: _FileName = Field(
        "valid",
        description="the same for validation; empty: hold training pairs out, and for testing too without a test set",
    )
    test: _FileName | None = Field(None, description="the same for the test set; empty: none")
    sources: tuple[CorpusSource, ...] = Field(
        (), description="several weighted corpora to train on, in place of `train`; see the guide to the commands"
    )
    header: Literal["auto", True, False] = Field(
        "auto", description="whether the first row of a table names the columns; auto: if it looks like names"
    )
    columns: tuple[_ColumnKey, _ColumnKey] | None = Field(
        None,
        description="source and target column of a table, by number or name; default: the columns of the languages",
    )
    hub: HubSettings = Field(HubSettings(), description="data set for format = hub")
    max_line_bytes: int = Field(
        LineLimit().max_bytes,
        ge=1,
        lt=2**30,
        description="bytes in the longest line that is read, without its end; longer training lines are skipped",
    )
    max_words: int = Field(
        200,
        ge=1,
        description="words in the longest sentence that is trained on; see corpus.max_ratio",
    )
    max_characters: int = Field(
        5000, ge=1, description="characters in the longest sentence that is trained on, for text without spaces"
    )
    max_ratio: float = Field(
        9.0,
        ge=0,
        description="highest ratio of the words of one side to those of the other plus 2; 0: no limit; in scripts without "
        "spaces a word is a letter, and both sides are compared relative to the median of the corpus",
    )
    preprocessed: Literal["refuse", "warn", "allow"] = Field(
        "warn",
        description="what to do if 1 % of the lines or more have subword marks, Moses tokenisation, HTML entities or tags",
    )
    misaligned: Literal["stop", "warn"] = Field(
        "stop", description="what to do if line n no longer seems to translate line n"
    )

    @property
    def has_test(self) -> bool:
        """Whether there is a test set."""
        return bool(self.hub.test if self.format == "hub" else self.test)

    @property
    def held_out_splits(self) -> tuple[Split, ...]:
        """The splits whose pairs are held out of the training pairs, because there are no files for them."""
        if self.hub.validation if self.format == "hub" else self.validation:
            return ()
        return ("validation",) if self.has_test else ("validation", "test")

    def line_limit(self, split: Split) -> LineLimit:
        """Return how long the lines of a split may be. Only training pairs are skipped; other splits must be complete."""
        return LineLimit(self.max_line_bytes, skips=split == "train")

    def layout(self, split: Split) -> Layout:
        """Return what is known about the tables of a split."""
        languages, hub, columns = (self.source_language, self.target_language), self.hub, self.columns
        if columns is None and (hub.source_column or hub.target_column):
            columns = hub.source_column or languages[0], hub.target_column or languages[1]
        return Layout(languages, columns, self.header, self.line_limit(split))


def open_files(settings: CorpusSettings, split: Split) -> Stream:
    """Open two text files, one per language."""
    name: _FileName = getattr(settings, split)
    if isinstance(name, str):
        languages = settings.source_language, settings.target_language
        source, target = (_find(settings.folder / f"{name}.{language}") for language in languages)
    else:
        source, target = (settings.folder / file for file in name)
    target, *others = _references(target) if split == "test" else [target]
    if source == target or (source.exists() and target.exists() and source.samefile(target)):
        raise UsageError("[corpus]", f"found {source} for both sides, expected two files", f"change corpus.{split}")
    _require_files(settings, split, source=source, target=target)
    blocks = paired_lines(source, target, settings.line_limit(split))
    return Stream(blocks, (str(source), str(target)), others=tuple((source, path) for path in others))


def _references(target: Path) -> list[Path]:
    """Return the files of the reference translations: `test.de`, or `test.de.0`, `test.de.1` and so on, from 0 or from 1."""

    def numbered(first: int) -> list[Path]:
        return [*takewhile(is_there, (_find(Path(f"{target}.{number}")) for number in count(first)))]

    return [target] if is_there(target) else numbered(0) or numbered(1) or [target]


def open_rows(settings: CorpusSettings, split: Split) -> Stream:
    """Open a file that has both sides of a pair in each row."""
    name: _FileName = getattr(settings, split)
    if not isinstance(name, str):
        advice = f"format = {settings.format!r} has both sides in one file"
        raise UsageError(f"corpus.{split}", "found two file names, expected one", advice)
    path = _find(settings.folder / name, TABLES[settings.format].suffixes)
    _require_files(settings, split, table=path)
    layout = settings.layout(split)
    return open_table(TABLES[settings.format].read(path, layout.limit, layout.languages), str(path), layout)


def open_hub(settings: CorpusSettings, split: Split) -> Stream:
    """Open a data set of the hub."""
    rows, place, revision = read_hub(settings.hub, getattr(settings.hub, split))
    return open_table(rows, place, settings.layout(split))._replace(revision=revision)


class Table(NamedTuple):
    """A format with both sides of a pair in each row, and the suffixes of its files."""

    read: Reader
    suffixes: tuple[str, ...]


TABLES = {
    "tsv": Table(read_tsv, (".tsv", ".txt", ".tab")),
    "csv": Table(read_csv, (".csv",)),
    "jsonl": Table(read_json, (".jsonl", ".json", ".ndjson")),
    "xlsx": Table(read_xlsx, (".xlsx",)),
    "tmx": Table(read_tmx, (".tmx",)),
    "parquet": Table(read_parquet, (".parquet",)),
}
FORMATS: dict[str, Callable[[CorpusSettings, Split], Stream]] = {
    "files": open_files,
    **dict.fromkeys(TABLES, open_rows),
    "hub": open_hub,
}


def open_split(settings: CorpusSettings, split: Split) -> Stream:
    """Open a split with all its pairs in order. Input errors are raised while the stream is read."""
    if split == "train" and settings.sources:
        streams = open_sources(settings)
        notices = tuple(chain(*(stream.notices for stream in streams)))
        blocks = chain.from_iterable(stream.blocks for stream in streams)
        return Stream(blocks, ("corpus.sources", "corpus.sources"), notices=notices)
    stream = FORMATS[settings.format](settings, split)
    return stream._replace(blocks=_require_text(stream))


def open_sources(settings: CorpusSettings) -> list[Stream]:
    """Open the training pairs of each corpus of `corpus.sources`, or of the only corpus."""
    given = [source.model_dump(exclude={"weight"}, exclude_none=True) for source in settings.sources]
    # Without `corpus.sources`, the settings of [corpus] themselves.
    return [open_split(settings.model_copy(update={"sources": (), **source}), "train") for source in given or [{}]]


def read_split(settings: CorpusSettings, split: Split) -> Corpus:
    """Read a whole split into memory."""
    stream = open_split(settings, split)
    source, target = (list(chain.from_iterable(side)) for side in zip(*stream.blocks, strict=True))
    others = tuple(
        [line for block in paired_lines(*files, settings.line_limit(split)) for line in block.target]
        for files in stream.others
    )
    return Corpus(source, target, stream.places, stream.line_of, stream.notices, others)


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


def _find(path: Path, suffixes: Sequence[str] = ()) -> Path:
    """Return the first file that exists: the path itself, with a suffix, or compressed; else the usual name."""
    names = [path, *(Path(f"{path}{suffix}") for suffix in suffixes)]
    compressed = [Path(f"{name}{suffix}") for name in names for suffix in COMPRESSED_SUFFIXES]
    # The usual name has the first suffix; text files have none.
    return next(filter(is_there, [*names, *compressed]), names[1] if suffixes else path)


def _require_files(settings: CorpusSettings, split: Split, **sides: Path) -> None:
    """Raise DataError if a file of a split does not exist, with what to type for the files that are there."""
    missing = {side: path for side, path in sides.items() if not (path.exists() or is_there(path))}
    if not missing:
        return
    path, name = next(iter(missing.values())), getattr(settings, split)
    folder, stem = path.parent, name if isinstance(name, str) else path.stem
    expected = [side.name for side in sides.values()]
    plain = {uncompressed_name(name): name for name in files_in(folder) if name not in expected}
    tables = {name: key for name in plain for key, table in TABLES.items() if Path(name).suffix in table.suffixes}
    suffixes = [name.removeprefix(f"{stem}.") for name in plain if name.startswith(f"{stem}.")]
    languages = [suffix for suffix in suffixes if _LANGUAGE_SUFFIX.fullmatch(suffix)]
    if settings.format == "files" and len(languages) == len(missing):
        pairs = zip(missing, languages, strict=True)
        advice = "type " + " ".join(f"--set corpus.{side}_language={language}" for side, language in pairs)
    elif table := next((name for name in tables if Path(name).stem == stem), None):
        advice = f"to read {folder / plain[table]}, type --set corpus.format={tables[table]}"
    elif split == "train" and len(tables) == 1:
        advice = f"type --corpus {folder / plain[next(iter(tables))]}"
    else:
        advice = advice_for_missing(path, list(plain.values()))
    raise DataError(str(path), "no such file", ", or ".join([advice, *filter(None, [_WITHOUT.get(split)])]))


def _require_text(stream: Stream) -> Iterator[Block]:
    """Pass the blocks on. Raises DataError at the end if all lines of one side are blank."""
    has_text = [False, False]
    for block in stream.blocks:
        has_text = [so_far or any(map(str.strip, side)) for so_far, side in zip(has_text, block, strict=True)]
        yield block
    for place, is_filled in zip(stream.places, has_text, strict=True):
        if not is_filled:
            raise DataError(place, "found no text, expected a sentence on each line", "check the file")
