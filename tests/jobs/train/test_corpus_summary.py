"""What training prints about a corpus: counts of each split, what was skipped, and warnings."""

from pathlib import Path

from translator.jobs.train.corpus_splits import read_splits
from translator.jobs.train.corpus_summary import CheckedSplit, describe_counts, describe_layout
from translator.text.corpus import Corpus
from translator.text.held_out_check import check_held_out
from translator.text.sources import CorpusSettings


def summary(folder: Path, *rows: str) -> tuple[list[str], list[str]]:
    """Return what is said about the layout and the counts of a table with a header and a validation file."""
    (folder / "train.tsv").write_text("".join(f"{row}\n" for row in ("English\tDeutsch", *rows)))
    (folder / "valid.tsv").write_text("English\tDeutsch\nsentence number 1\tSatz Nummer 1\n")
    settings = CorpusSettings(folder=folder, format="tsv", train="train.tsv", validation="valid.tsv")
    filtered, stream, held_out = read_splits(settings)
    sample = Corpus(["one", "two", "three"], ["eins", "zwei", "drei"])
    checks = {name: check_held_out(corpus, settings, filtered, sample) for name, corpus in held_out.items()}
    splits = {name: CheckedSplit(corpus, checks[name], None) for name, corpus in held_out.items()}
    return list(describe_layout(settings, stream, sample, splits)), list(describe_counts(filtered, splits))


def test_the_layout_is_shown_with_two_pairs(tmp_path: Path) -> None:
    layout, _ = summary(tmp_path, *(f"sentence number {n}\tSatz Nummer {n}" for n in range(30)))
    assert "source = column 1 'English', target = column 2 'Deutsch'" in layout[0]
    assert [line.split() for line in layout[-4:]] == [["en", "one"], ["de", "eins"], ["en", "two"], ["de", "zwei"]]


def test_counts_name_only_what_occurs(tmp_path: Path) -> None:
    rows = [f"sentence number {n}\tSatz Nummer {n}" for n in range(30)]
    _, counts = summary(tmp_path, *rows)
    assert counts[0] == "training pairs: 30 read, 30 kept"
    assert counts[1].startswith("validation pairs: 1, 1 also in the training data")
    assert any(line.startswith("warning: 1 line also found in the training pairs") for line in counts)
    _, counts = summary(tmp_path, *rows, "sentence number 3\tSatz Nummer 3", "\tleer", "same\tsame")
    assert counts[0].startswith("training pairs: 33 read, 32 kept; skipped: 1 blank (first ")
    assert counts[1] == "among the pairs kept: 1 duplicates, 1 identical"
