"""Training pairs are filtered as they are read, and the other splits are read from files or held out of them."""

from pathlib import Path

import pytest

from translator.errors import DataError
from translator.jobs.train.corpus_splits import read_splits
from translator.text.corpus import Block
from translator.text.sources import CorpusSettings


def settings_for(folder: Path, *, with_files: bool) -> CorpusSettings:
    """Write 40 pairs, of which one is blank, and settings with validation and test files or without."""
    pairs = [(f"sentence number {number}", f"Satz Nummer {number}") for number in range(39)]
    for side, language in enumerate(("en", "de")):
        lines = [pair[side] for pair in pairs]
        (folder / f"train.{language}").write_text("".join(f"{line}\n" for line in [*lines, ""]))
        for split in ("valid", "test"):
            (folder / f"{split}.{language}").write_text(f"{split} {language}\n")
    files = {} if with_files else {"validation": "", "test": None}
    return CorpusSettings.model_validate({"folder": folder, "test": "test", **files})


def test_splits_with_files_take_no_training_pair(tmp_path: Path) -> None:
    kept: list[Block] = []
    splits = read_splits(settings_for(tmp_path, with_files=True), kept.append)
    assert (splits.filtered.counts.read, splits.filtered.counts.kept, splits.filtered.counts.blank) == (40, 39, 1)
    assert sum(len(block.source) for block in kept) == 39
    assert {name: corpus.source for name, corpus in splits.held_out.items()} == {
        "validation": ["valid en"],
        "test": ["test en"],
    }
    assert "test" not in read_splits(settings_for(tmp_path, with_files=True), reads_test=False).held_out


def test_pairs_that_are_held_out_are_not_trained_on(tmp_path: Path) -> None:
    kept: list[Block] = []
    splits = read_splits(settings_for(tmp_path, with_files=False), kept.append)
    trained = {line for block in kept for line in block.source}
    held_out = [line for corpus in splits.held_out.values() for line in corpus.source]
    assert list(splits.held_out) == ["validation", "test"]
    assert len(trained) + len(held_out) == 39
    assert not trained & set(held_out)
    validation = splits.held_out["validation"]
    assert validation.target == [line.replace("sentence number", "Satz Nummer") for line in validation.source]
    assert [int(line.split()[-1]) + 1 for line in validation.source] == list(
        map(validation.line_of, range(len(validation.source)))
    )


def test_a_corpus_without_usable_pairs_is_an_error(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, with_files=True).model_copy(update={"max_words": 1})
    with pytest.raises(DataError, match="0 of 40 training pairs left after filtering"):
        read_splits(settings)
