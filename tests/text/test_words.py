"""Words are case-folded, stripped of punctuation, counted, and read back from a run folder."""

from pathlib import Path

import pytest

from translator.errors import ModelError
from translator.text.words import count_words, load_counts, load_words, save_counts, save_words, words


def test_words_are_folded_and_stripped() -> None:
    assert words("„Die Straße\", sagt O'Neill — 3.") == ["die", "strasse", "sagt", "o'neill", "3"]


def test_saved_words_are_loaded(tmp_path: Path) -> None:
    known = {"the", "old", "man", "dog"}
    save_words(known, tmp_path / "words.txt")
    assert load_words(tmp_path / "words.txt") == known


def test_missing_words_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file; restore the run folder"):
        load_words(tmp_path / "words.txt")


def test_counts_of_strings_become_counts_of_words() -> None:
    assert count_words({"Der": 3, "der,": 2, "„Hund“": 1, "—": 7}) == {"der": 5, "hund": 1}


@pytest.mark.parametrize("counts", [{}, {"der": 5, "hund": 1}])
def test_saved_counts_are_loaded(counts: dict[str, int], tmp_path: Path) -> None:
    assert load_counts(tmp_path / "counts.tsv") is None
    save_counts(counts, tmp_path / "counts.tsv")
    assert load_counts(tmp_path / "counts.tsv") == counts


def test_damaged_counts_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "counts.tsv").write_text("der\n")
    with pytest.raises(ModelError, match="is damaged"):
        load_counts(tmp_path / "counts.tsv")
