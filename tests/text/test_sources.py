"""Every source gives all its pairs, in order, or says what is wrong and where."""

import json
import socket
from pathlib import Path

import pytest

from translator.errors import DataError, MachineError, UsageError
from translator.text.corpus import CorpusSettings, HubSettings, clean, overlap
from translator.text.sources import read_labels, read_split

PAIRS = [("one", "eins"), ('a "quote', 'ein "Zitat'), ("NA", "null"), ("caf\u0065\u0301", "Café")]
READ = [*PAIRS[:3], ("café", "Café")]  # NFC


def write_files(folder: Path) -> None:
    (folder / "train.en").write_text("".join(f"{source}\n" for source, _ in PAIRS))
    (folder / "train.de").write_text("".join(f"{target}\n" for _, target in PAIRS))


def write_tsv(folder: Path) -> None:
    (folder / "train.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))


def write_jsonl(folder: Path) -> None:
    (folder / "train.jsonl").write_text("".join(json.dumps({"en": one, "de": other}) + "\n" for one, other in PAIRS))


def write_hub(folder: Path) -> None:
    rows = [{"translation": {"en": one, "de": other}} for one, other in PAIRS]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS = {"files": write_files, "tsv": write_tsv, "jsonl": write_jsonl, "hub": write_hub}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))


def settings(source: str, folder: Path) -> CorpusSettings:
    return CorpusSettings(format=source, folder=folder, hub=HubSettings(name=str(folder)))


@pytest.mark.parametrize("source", WRITERS)
def test_every_source_gives_all_pairs_in_order(source: str, tmp_path: Path) -> None:
    WRITERS[source](tmp_path)
    corpus = read_split(settings(source, tmp_path), "train")
    assert list(zip(corpus.source, corpus.target, strict=True)) == READ


def test_hub_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps({"english": "one", "german": "eins"}) + "\n")
    hub = HubSettings(name=str(tmp_path), source_column="english", target_column="german")
    assert read_split(CorpusSettings(format="hub", hub=hub), "train").target == ["eins"]
    with pytest.raises(DataError, match="expected text fields 'en' and 'de', found english, german"):
        read_split(settings("hub", tmp_path), "train")


def test_an_unknown_split_is_a_usage_error(tmp_path: Path) -> None:
    write_hub(tmp_path)
    hub = HubSettings(name=str(tmp_path), validation="dev")
    with pytest.raises(UsageError, match=r"corpus\.hub"):
        read_split(CorpusSettings(format="hub", hub=hub), "validation")


def test_a_data_set_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "coded"
    folder.mkdir()
    (folder / "coded.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises((UsageError, MachineError)):
        read_split(settings("hub", folder), "train")
    assert not (tmp_path / "ran").exists()


def test_no_network_is_an_error_that_points_at_local_files(monkeypatch: pytest.MonkeyPatch) -> None:
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
        ("jsonl", "[" * 100_000, r"train\.jsonl:1: not JSON"),
        ("jsonl", '{"en": "a", "fr": "b"}\n', r"train\.jsonl:1: expected text fields 'en' and 'de', found en, fr"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / f"train.{name}").write_text(content)
    with pytest.raises(DataError, match=message):
        read_split(settings(name, tmp_path), "train")


@pytest.mark.parametrize(
    ("extra", "advice"), [("drei\n", "line n of one must translate"), ("\n", "trailing blank line")]
)
def test_unequal_counts_are_never_cut_to_fit(tmp_path: Path, extra: str, advice: str) -> None:
    (tmp_path / "train.en").write_text("one\ntwo\n")
    (tmp_path / "train.de").write_text("eins\nzwei\n" + extra)
    with pytest.raises(DataError, match=rf"train\.de: 3 lines, but .*train\.en has 2; .*{advice}"):
        read_split(settings("files", tmp_path), "train")


def test_one_file_for_both_sides_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    with pytest.raises(UsageError, match="is given for both sides"):
        read_split(CorpusSettings(folder=tmp_path, train=("a", "a")), "train")


def test_cleaning_counts_each_rule_and_keeps_the_rest_aligned(tmp_path: Path) -> None:
    rows = [("a", "A"), ("", "B"), ("\u00a0\u200b", "C"), ("w " * 201, "D"), ("a", "v " * 40), ("a", "A"), ("s", "s")]
    (tmp_path / "train.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in rows))
    kept, counts = clean(read_split(settings("tsv", tmp_path), "train"), CorpusSettings())
    assert counts._asdict() == {
        "read": 7, "blank": 2, "too_long": 1, "ratio": 1, "kept": 3, "duplicates": 1, "identical": 1,
    }  # fmt: skip
    assert (kept.source, kept.target) == (["a", "a", "s"], ["A", "A", "s"])
    assert overlap(kept, kept) == [1, 2, 3]


def test_a_corpus_with_nothing_left_says_why(tmp_path: Path) -> None:
    write_files(tmp_path)
    with pytest.raises(DataError, match=r"0 of 4 training pairs left after cleaning \(0 blank, 4 over"):
        clean(
            read_split(settings("files", tmp_path), "train")._replace(source=["w w"] * 4), CorpusSettings(max_words=1)
        )


def test_kinds_lie_beside_the_sentences(tmp_path: Path) -> None:
    write_files(tmp_path)
    assert read_labels(settings("files", tmp_path), "train", ".kind") is None
    (tmp_path / "train.kind").write_text("a\nb\na\nb\n")
    assert read_labels(settings("files", tmp_path), "train", ".kind") == ["a", "b", "a", "b"]
