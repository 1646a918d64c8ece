"""A test set may have several references: files `test.de.0`, `test.de.1` in place of `test.de`."""

import gzip
from pathlib import Path

import pytest

from tests.text.test_discovery import lines
from translator.errors import DataError
from translator.text.discovery import Wanted, discover
from translator.text.sources import CorpusSettings, read_split

SOURCES = ["the dog", "the cat"]
REFERENCES = [["der Hund", "die Katze"], ["ein Hund", "eine Katze"], ["Hund", "Cafe\u0301"]]


def write(folder: Path, first: int) -> CorpusSettings:
    (folder / "test.en").write_text("\n".join(SOURCES))
    for number, reference in enumerate(REFERENCES, first):
        (folder / f"test.de.{number}").write_text("\n".join(reference))
    return CorpusSettings(folder=folder, test="test")


@pytest.mark.parametrize("first", [0, 1])
def test_all_numbered_references_are_read(tmp_path: Path, first: int) -> None:
    settings = write(tmp_path, first)
    (tmp_path / f"test.de.{first + 1}.gz").write_bytes(gzip.compress((tmp_path / f"test.de.{first + 1}").read_bytes()))
    (tmp_path / f"test.de.{first + 1}").unlink()
    corpus = read_split(settings, "test")
    assert (corpus.source, corpus.target, *corpus.others) == (SOURCES, *REFERENCES[:2], ["Hund", "Café"])
    assert corpus.fingerprint != corpus._replace(others=()).fingerprint


def test_a_file_without_a_number_is_the_only_reference(tmp_path: Path) -> None:
    settings = write(tmp_path, 0)
    (tmp_path / "test.de").write_text("\n".join(REFERENCES[2]))
    corpus = read_split(settings, "test")
    assert (corpus.target, corpus.others) == (["Hund", "Café"], ())


def test_every_reference_has_a_line_per_source(tmp_path: Path) -> None:
    settings = write(tmp_path, 0)
    (tmp_path / "test.de.2").write_text("Hund\n")
    with pytest.raises(DataError, match=r"test\.en: found 2 lines, but .*test\.de\.2 has 1"):
        read_split(settings, "test")


def test_a_corpus_folder_with_several_references_is_understood(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for side, language in enumerate(("en", "de")):
            (tmp_path / f"{split}.{language}").write_text(lines(side))
    write(tmp_path, 0)
    found = CorpusSettings(**discover([tmp_path], Wanted()))
    assert found.test == "test"
    assert read_split(found, "test").others == (REFERENCES[1], ["Hund", "Café"])
