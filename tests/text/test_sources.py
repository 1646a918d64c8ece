"""Every format gives all pairs in order, or an error with file and line."""

import json
import socket
from pathlib import Path

import pytest

from translator.errors import DataError, MachineError, UsageError
from translator.text import reader, sources
from translator.text.corpus import Fingerprint, Split, join_lines
from translator.text.filters import PairFilter
from translator.text.sources import FORMATS, CorpusSettings, HubSettings, open_split, read_labels, read_split

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


def write_hub(folder: Path, pairs: Pairs) -> None:
    rows = [{"translation": {"en": source, "de": target}} for source, target in pairs]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS = {"files": write_files, "tsv": write_tsv, "jsonl": write_jsonl, "hub": write_hub}
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


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_gives_the_line_of_an_error(format_name: str, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, [("a", "b"), ("a", "b\0")])
    with pytest.raises(DataError, match=r":2: found a NUL"):
        read_split(settings(format_name, tmp_path), "train")


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_skips_long_training_lines_with_their_partners(format_name: str, tmp_path: Path) -> None:
    pairs = [("a", "b"), ("long " * 30, "c"), ("d", "lang " * 30), ("e", "f")]
    WRITERS[format_name](tmp_path, pairs)
    limited = settings(format_name, tmp_path).model_copy(update={"max_line_bytes": 100})
    stream = open_split(limited, "train")
    pair_filter = PairFilter(limited, stream.places)
    kept = [pair for block in stream.blocks for pair in zip(*pair_filter.filter(block), strict=True)]
    assert kept == [pairs[0], pairs[3]]
    assert pair_filter.result().counts.too_long == 2
    assert [finding.line for finding in pair_filter.result().findings if finding.what == "too_long"] == [2]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_format_rejects_long_lines_of_other_splits(format_name: str, split: Split, tmp_path: Path) -> None:
    WRITERS[format_name](tmp_path, [("a", "b"), ("a", "long " * 30)])
    limited = settings(format_name, tmp_path).model_copy(update={"max_line_bytes": 100, split: "train"})
    limited = limited.model_copy(update={"hub": limited.hub.model_copy(update={split: "train"})})
    with pytest.raises(DataError, match=r":2: found a line of more than 100 bytes"):
        read_split(limited, split)


def test_no_side_is_in_memory_by_more_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BLOCK_BYTES", 100)
    pairs = [("a", "long " * 20)] * 100
    write_files(tmp_path, pairs)
    blocks = list(open_split(settings("files", tmp_path), "train").blocks)
    assert [pair for block in blocks for pair in zip(*block, strict=True)] == pairs
    assert max(len(block.target) for block in blocks) <= 2


@pytest.mark.parametrize("format_name", sorted(FORMATS.keys() - {"files"}))
def test_a_block_of_long_rows_is_small(format_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_BLOCK_CHARACTERS", 100)
    WRITERS[format_name](tmp_path, [("a", "long " * 20)] * 10)
    blocks = list(open_split(settings(format_name, tmp_path), "train").blocks)
    assert [len(block.source) for block in blocks] == [1] * 10


def test_hub_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps({"english": "one", "german": "eins"}) + "\n")
    hub = HubSettings(name=str(tmp_path), source_column="english", target_column="german")
    assert read_split(CorpusSettings(format="hub", hub=hub), "train").target == ["eins"]
    with pytest.raises(DataError, match="found fields english, german, expected text fields 'en' and 'de'"):
        read_split(settings("hub", tmp_path), "train")


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
        ("tsv", "a\n", r"train\.tsv:1: found 1 fields, expected 2"),
        ("jsonl", '{"en": "a", "de": "b"}\n{"en": \n', r"train\.jsonl:2: not JSON"),
        ("jsonl", '{"en": "a", "de": "\\ud800"}\n', r"train\.jsonl:1: found half of a surrogate pair"),
        ("jsonl", '{"en": "a", "de": "b"}\n{"en": "a\\u0000", "de": "b"}\n', r"train\.jsonl:2: found a NUL character"),
        ("jsonl", "[" * 100_000, r"train\.jsonl:1: not JSON"),
        (
            "jsonl",
            '{"en": "a", "fr": "b"}\n',
            r"train\.jsonl:1: found fields en, fr, expected text fields 'en' and 'de'",
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
    monkeypatch.setattr(reader, "_BLOCK_BYTES", 40)
    stream = open_split(settings("files", tmp_path), "train")
    blocks = list(stream.blocks)
    assert len(blocks) > 10
    whole = read_split(settings("files", tmp_path), "train")
    assert whole.source == whole.target == [line for block in blocks for line in block.source] == lines
    fingerprint = Fingerprint()
    for block in blocks:
        fingerprint.update(join_lines(side).encode() for side in block)
    assert fingerprint.hexdigest() == whole.fingerprint


@pytest.mark.parametrize("missing", [1, 40, 99])
def test_the_shorter_file_is_found_in_whichever_block_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    monkeypatch.setattr(reader, "_BLOCK_BYTES", 40)
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
