"""Spreadsheets as people make them: titles, headers, merged cells, blank rows, numbers, a second sheet."""

from pathlib import Path

import openpyxl
import pytest

from translator.errors import DataError
from translator.text import opening
from translator.text.sources import CorpusSettings, read_split


def test_only_the_pairs_of_the_first_sheet_are_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [
        ["My corpus"],
        ["No.", "English", "German"],
        *([n, f"dog {n}", f"Hund {n}"] for n in range(9)),
        [],
        [9, "five", 5],
    ]:
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("B4:B5")
    book.create_sheet("notes").append(["not", "read"])
    book.save(tmp_path / "train.xlsx")
    corpus = read_split(CorpusSettings(format="xlsx", folder=tmp_path), "train")
    read = list(zip(corpus.source, corpus.target, strict=True))
    assert read[0] == ("", "")  # the title
    assert read[2:4] == [("dog 1", "Hund 1"), ("dog 1", "Hund 2")]  # the merged cell counts for both rows
    assert read[-1] == ("five", "5")
    assert [corpus.line_of(index) for index in (0, 1, 10)] == [1, 3, 13]


def test_an_error_names_the_other_sheets_if_the_first_one_has_no_pairs(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["About this file"])
    book.create_sheet("Data").append(["a dog", "ein Hund"])
    book.save(tmp_path / "train.xlsx")
    with pytest.raises(DataError, match=r"fewer than two columns in the first sheet, 'Sheet'; others are 'Data'; move"):
        read_split(CorpusSettings(format="xlsx", folder=tmp_path), "train")


def test_a_spreadsheet_that_expands_too_much_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a dog", "ein Hund"])
    book.save(tmp_path / "train.xlsx")
    monkeypatch.setattr(opening, "MIN_EXPANDED_BYTES", 1000)
    monkeypatch.setattr(opening, "MAX_EXPANSION", 1)
    with pytest.raises(DataError, match=r"train\.xlsx: expands to more than 0 MB.*convert it to CSV"):
        read_split(CorpusSettings(format="xlsx", folder=tmp_path), "train")
