"""Every format gives all pairs in order, or an error with file and line."""

import bz2
import csv
import gzip
import json
import lzma
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from translator.errors import DataError, MachineError, UsageError
from translator.text import block_reader
from translator.text.corpus import Fingerprint, Split
from translator.text.filters import PairFilter
from translator.text.formats import table
from translator.text.formats.hub import HubSettings
from translator.text.sources import FORMATS, CorpusSettings, open_split, read_labels, read_split

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pyarrow.Codec("zstd").compress(content, asbytes=True),
}
PAIRS = [("one", "eins"), ('a "quote', 'ein "Zitat'), ("NA", "null"), ("caf\u0065\u0301", "Café")]
READ = [*PAIRS[:3], ("café", "Café")]  # NFC


Pairs = list[tuple[str, str]]


def write_files(folder: Path, pairs: Pairs) -> None:
    (folder / "train.en").write_text("".join(f"{source}\n" for source, _ in pairs))
    (folder / "train.de").write_text("".join(f"{target}\n" for _, target in pairs))


def write_tsv(folder: Path, pairs: Pairs) -> None:
    (folder / "train.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs))


def write_jsonl(folder: Path, pairs: Pairs) -> None:
    rows = [{"en": source, "de": target} for source, target in pairs]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_csv(folder: Path, pairs: Pairs) -> None:
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows(pairs)


def write_xlsx(folder: Path, pairs: Pairs) -> None:
    book = openpyxl.Workbook()
    for row in pairs:
        book.active.append(row)
    book.save(folder / "train.xlsx")


def write_tmx(folder: Path, pairs: Pairs) -> None:
    units = "".join(
        "<tu>"
        + "".join(f'<tuv xml:lang="{language}"><seg>{escape(text)}</seg></tuv>' for language, text in sides)
        + "</tu>\n"
        for sides in (zip(("en", "de-DE"), pair, strict=True) for pair in pairs)
    )
    (folder / "train.tmx").write_text(f'<tmx version="1.4"><header srclang="en"/><body>{units}</body></tmx>')


def write_parquet(folder: Path, pairs: Pairs) -> None:
    columns = dict(zip(("en", "de"), zip(*pairs, strict=True), strict=True))
    parquet.write_table(pyarrow.table(columns), folder / "train.parquet")


def write_hub(folder: Path, pairs: Pairs) -> None:
    rows = [{"translation": {"en": source, "de": target}} for source, target in pairs]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS = {
    "files": write_files, "tsv": write_tsv, "csv": write_csv, "jsonl": write_jsonl, "xlsx": write_xlsx, "tmx": write_tmx,
    "parquet": write_parquet, "hub": write_hub,
}  # fmt: skip
"""For every format a function that writes pairs as the training split."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))


def settings(format_name: str, folder: Path) -> CorpusSettings:
    return CorpusSettings(format=format_name, folder=folder, hub=HubSettings(name=str(folder)))


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_gives_all_pairs_in_order(format_name: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, PAIRS)
    corpus = read_split(settings(format_name, tmp_path), "train")
    assert list(zip(corpus.source, corpus.target, strict=True)) == READ


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_rejects_a_split_without_text(format_name: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, [(" ", "x"), ("", "y")])
    with pytest.raises(DataError, match="found no text, expected a sentence on each line"):
        read_split(settings(format_name, tmp_path), "train")


@pytest.mark.parametrize("format_name", sorted(FORMATS.keys() - {"xlsx", "tmx"}))  # these cannot contain NUL
def test_every_format_gives_the_line_of_an_error(format_name: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, [("a", "b"), ("a", "b\0")])
    with pytest.raises(DataError, match=r":2: found a NUL"):
        read_split(settings(format_name, tmp_path), "train")


TEXT_FORMATS = ["files", "tsv", "csv", "jsonl", "tmx"]


def changed(folder: Path, change: Callable[[bytes], bytes], suffix: str = "") -> None:
    """Change the content of all files in a folder, and add a suffix to their names."""
    for path in list(folder.iterdir()):
        content = change(path.read_bytes())
        path.unlink()
        Path(f"{path}{suffix}").write_bytes(content)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "BOM": lambda content: b"\xef\xbb\xbf" + content,
    "no last LF": lambda content: content.removesuffix(b"\n"),
}


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
@pytest.mark.parametrize("change", CHANGES)
def test_every_text_format_ignores_how_its_lines_end(format_name: str, change: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, PAIRS)
    changed(tmp_path, CHANGES[change])
    corpus = read_split(settings(format_name, tmp_path), "train")
    assert list(zip(corpus.source, corpus.target, strict=True)) == READ


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_every_text_format_may_be_compressed(format_name: str, suffix: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, PAIRS)
    changed(tmp_path, COMPRESSORS[suffix], suffix)
    corpus = read_split(settings(format_name, tmp_path), "train")
    assert list(zip(corpus.source, corpus.target, strict=True)) == READ
    changed(tmp_path, lambda content: content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"train\..*{suffix}: damaged \w+ file"):
        read_split(settings(format_name, tmp_path), "train")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_finding_has_the_line_of_its_pair(format_name: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, [*PAIRS, ("x", " "), *PAIRS])
    stream = open_split(settings(format_name, tmp_path), "train")
    pair_filter = PairFilter(CorpusSettings(), stream.places, stream.line_of)
    for block in stream.blocks:
        pair_filter.filter(block)
    result = pair_filter.result()
    assert (result.counts.read, result.counts.blank) == (9, 1)
    assert [finding.line for finding in result.findings if finding.what == "blank"] == [5]


@pytest.mark.parametrize("format_name", sorted(FORMATS.keys() - {"files"}))
def test_every_table_takes_null_and_empty_fields_as_blank_sides(format_name: str, tmp_path: Path) -> None:
    rows: Any = [("one", "eins"), ("two", None), ("", "drei"), (None, None)]
    if format_name not in ("hub", "jsonl", "parquet", "xlsx"):  # which have null
        rows = [("one", "eins"), ("two", ""), ("", "drei"), ("", "")]
    WRITERS[format_name](tmp_path, rows)
    corpus = read_split(settings(format_name, tmp_path), "train")
    pairs = list(zip(corpus.source, corpus.target, strict=True))
    assert pairs == [("one", "eins"), ("two", ""), ("", "drei"), ("", "")][: 3 if format_name == "xlsx" else 4]


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_skips_long_training_lines_with_their_partners(format_name: str, tmp_path: Path) -> None:
    pairs = [("a", "b"), ("long " * 30, "c"), ("d", "lang " * 30), ("e", "f")]
    WRITERS[format_name](tmp_path, pairs)
    limited = settings(format_name, tmp_path).model_copy(update={"max_line_bytes": 100})
    stream = open_split(limited, "train")
    pair_filter = PairFilter(limited, stream.places)
    kept = [pair for block in stream.blocks for pair in zip(*pair_filter.filter(block), strict=True)]
    assert kept == [pairs[0], pairs[3]]
    result = pair_filter.result()
    assert result.counts.too_long == 2
    assert [finding.line for finding in result.findings if finding.what == "too_long"] == [2]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_format_rejects_long_lines_of_other_splits(format_name: str, split: Split, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, [("a", "b"), ("a", "long " * 30)])
    limited = settings(format_name, tmp_path).model_copy(update={"max_line_bytes": 100, split: "train"})
    limited = limited.model_copy(update={"hub": limited.hub.model_copy(update={split: "train"})})
    with pytest.raises(DataError, match=r":2: found a line of more than 100 bytes"):
        read_split(limited, split)


def test_no_side_is_in_memory_by_more_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_reader, "_BLOCK_BYTES", 100)
    pairs = [("a", "long " * 20)] * 100
    write_files(tmp_path, pairs)
    blocks = list(open_split(settings("files", tmp_path), "train").blocks)
    assert [pair for block in blocks for pair in zip(*block, strict=True)] == pairs
    assert max(len(block.target) for block in blocks) <= 2


@pytest.mark.parametrize("format_name", sorted(FORMATS.keys() - {"files"}))
def test_a_block_of_long_rows_is_small(format_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_BLOCK_CHARACTERS", 100)
    WRITERS[format_name](tmp_path, [("a", "long " * 21)] * 10)
    blocks = list(open_split(settings(format_name, tmp_path), "train").blocks)
    assert [len(block.source) for block in blocks] == [1] * 10


def test_hub_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps({"english": "one", "german": "eins"}) + "\n")
    hub = HubSettings(name=str(tmp_path), source_column="german", target_column="english")
    assert read_split(CorpusSettings(format="hub", hub=hub), "train").target == ["one"]
    assert read_split(settings("hub", tmp_path), "train").target == ["eins"]


def test_an_unknown_split_is_a_usage_error(tmp_path: Path) -> None:
    write_hub(tmp_path, PAIRS)
    hub = HubSettings(name=str(tmp_path), validation="dev")
    with pytest.raises(UsageError, match=r"corpus\.hub"):
        read_split(CorpusSettings(format="hub", hub=hub), "validation")


def test_a_data_set_with_code_is_rejected_and_not_executed(tmp_path: Path) -> None:
    folder = tmp_path / "coded"
    folder.mkdir()
    (folder / "coded.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises((UsageError, MachineError)):
        read_split(settings("hub", folder), "train")
    assert not (tmp_path / "ran").exists()


def test_without_a_network_the_error_suggests_local_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    hub = HubSettings(name="owner/name")
    with pytest.raises(MachineError, match=r"owner/name: cannot reach the Hugging Face hub .* corpus\.format"):
        read_split(CorpusSettings(format="hub", hub=hub), "train")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tsv", "a\tb\nx\ty\tz\n", r"train\.tsv:2: found 3 fields, expected 2"),
        ("tsv", "a\n", r"train\.tsv:1: found 1 field, expected 2"),
        ("jsonl", '{"en": "a", "de": "b"}\n{"en": \n', r"train\.jsonl:2: not JSON"),
        ("jsonl", '{"en": "a", "de": "\\ud800"}\n', r"train\.jsonl:1: found half of a surrogate pair"),
        ("jsonl", '{"en": "a", "de": "b"}\n{"en": "a\\u0000", "de": "b"}\n', r"train\.jsonl:2: found a NUL character"),
        ("jsonl", "[" * 100_000, r"train\.jsonl:1: not JSON"),
        (
            "jsonl",
            '{"en": "a", "de": "b"}\n{"en": "a"}\n',
            r"train\.jsonl:2: found fields en, expected 'en' and 'de'",
        ),
        (
            "jsonl",
            '{"en": "a", "de": "b"}\n{"en": "a", "de": 5}\n',
            r"train\.jsonl:2: found int in field 'de', expected text",
        ),
        ("jsonl", '["a", "b"]\n"a b"\n', r"train\.jsonl:2: found str, expected an object"),
        (
            "jsonl",
            '[{"en": "a", "de": "b"},\n{"en": "a", "de"}]\n',
            r"train\.jsonl:2: not JSON \(Expecting ':' delimiter",
        ),
        ("jsonl", '[{"en": "a", "de": "b"},\n{"en": "a", "de": "b"}\n', r"train\.jsonl:3: not JSON \(Expecting value"),
        (
            "jsonl",
            '[{"en": "a", "de": "b"},\n{"en": "' + "a" * 4_200_000 + '", "de": "b"}]\n',
            r"train\.jsonl:2: found an element of more than 4,065,536 characters \(corpus\.max_line_bytes\)",
        ),
        ("jsonl", '[{"en": "a", "de": "b"}]\n[]\n', r"train\.jsonl:1: not JSON \(text after the end of the array"),
        ("csv", "a,b\nc,d\ne,f,g\n", r"train\.csv:3: found 3 fields, expected 2"),
        ("csv", 'a,b\n"c\nd",e\n"f,g\n', r"train\.csv:4: not CSV \(unexpected end of data"),
        ("csv", 'a,b\nc,d\n"e"f,g\n', r"train\.csv:3: not CSV \(',' expected after '\"'"),
        ("csv", "one word\nanother\n", r"train\.csv: found no comma, semicolon, tab or bar that divides the lines"),
        ("tmx", "<tmx><body><tu>\n</body></tmx>", r"train\.tmx:2: not TMX \(mismatched tag\)"),
        ("tmx", '<!DOCTYPE x [<!ENTITY a "b">]><tmx/>', r"train\.tmx:1: declares an entity"),
        ("tmx", "<tmx><tu><tuv lang='fr'><seg>a</seg></tuv></tu></tmx>", r"found the languages fr, expected en and de"),
        ("parquet", "PAR1", r"train\.parquet: damaged Parquet file"),
        ("xlsx", "PK", r"train\.xlsx: damaged zip archive"),
        (
            "jsonl",
            '{"en": "a", "fr": "b"}\n',
            r"train\.jsonl:1: cannot tell which columns are 'en' and 'de': 1 'en' \('a'\), 2 'fr' \('b'\); choose two",
        ),
    ],
)
def test_a_wrong_row_is_an_error_with_file_and_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / f"train.{name}").write_text(content)
    with pytest.raises(DataError, match=message):
        read_split(settings(name, tmp_path), "train")


@pytest.mark.parametrize(
    ("extra", "advice"), [("drei\n", "line n of one file must translate"), ("\n", "trailing blank line")]
)
def test_files_of_unequal_length_are_an_error(tmp_path: Path, extra: str, advice: str) -> None:
    (tmp_path / "train.en").write_text("one\ntwo\n")
    (tmp_path / "train.de").write_text("eins\nzwei\n" + extra)
    with pytest.raises(DataError, match=rf"train\.de: found 3 lines, but .*train\.en has 2; .*{advice}"):
        read_split(settings("files", tmp_path), "train")


def test_the_size_of_blocks_does_not_change_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{'x' * (n % 7)} {n}" for n in range(100)]
    for suffix in ("en", "de"):
        (tmp_path / f"train.{suffix}").write_text("".join(f"{line}\r\n" for line in lines))
    monkeypatch.setattr(block_reader, "_BLOCK_BYTES", 40)
    stream = open_split(settings("files", tmp_path), "train")
    blocks = list(stream.blocks)
    assert len(blocks) > 10
    whole = read_split(settings("files", tmp_path), "train")
    assert whole.source == whole.target == [line for block in blocks for line in block.source] == lines
    fingerprint = Fingerprint()
    for block in blocks:
        fingerprint.update(block)
    assert fingerprint.hexdigest() == whole.fingerprint


@pytest.mark.parametrize("missing", [1, 40, 99])
def test_the_shorter_file_is_found_in_whichever_block_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    monkeypatch.setattr(block_reader, "_BLOCK_BYTES", 40)
    (tmp_path / "a.en").write_text("word\n" * 100)
    (tmp_path / "a.de").write_text("Wort\n" * (100 - missing))
    for longer, shorter in (("en", "de"), ("de", "en")):
        corpus = CorpusSettings(folder=tmp_path, train=(f"a.{longer}", f"a.{shorter}"))
        with pytest.raises(DataError, match=rf"a\.en: found 100 lines, but .*a\.de has {100 - missing}"):
            read_split(CorpusSettings(folder=tmp_path, train=("a.en", "a.de")), "train")
        with pytest.raises(DataError, match=rf"a\.en: found 100 lines, but .*a\.de has {100 - missing}"):
            read_split(corpus, "train")


def test_the_same_file_for_both_sides_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    with pytest.raises(UsageError, match=r"found .*a for both sides, expected two files"):
        read_split(CorpusSettings(folder=tmp_path, train=("a", "a")), "train")


def test_labels_are_read_from_a_file_next_to_the_sentences(tmp_path: Path) -> None:
    write_files(tmp_path, PAIRS)
    assert read_labels(settings("files", tmp_path), "train", ".kind", num_pairs=4) is None
    (tmp_path / "train.kind").write_text("a\nb\na\nb\n")
    assert read_labels(settings("files", tmp_path), "train", ".kind", num_pairs=4) == ["a", "b", "a", "b"]


def test_labels_must_have_a_line_for_each_pair(tmp_path: Path) -> None:
    write_files(tmp_path, PAIRS)
    (tmp_path / "train.kind").write_text("a\n")
    with pytest.raises(DataError, match=r"train\.kind: found 1 lines, expected 4, one for each train pair"):
        read_labels(settings("files", tmp_path), "train", ".kind", num_pairs=4)


def test_a_single_file_format_takes_one_file_name(tmp_path: Path) -> None:
    corpus = CorpusSettings(format="tsv", folder=tmp_path, train=("a", "b"))
    with pytest.raises(UsageError, match=r"corpus\.train: found two file names, expected one"):
        read_split(corpus, "train")
