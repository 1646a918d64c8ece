"""One file of any kind becomes a run with validation and test pairs, and its notices say how it was read."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, small_corpus
from translator.config import load_config
from translator.config_files import find_config
from translator.errors import UsageError
from translator.jobs.train.given_corpus import given_corpus
from translator.jobs.train.prepare import prepare

PAIRS = [
    (f"the {noun} {verb} {number} times", f"der {noun} {verb}t {number} Mal")
    for noun in ("Baum", "Hund")
    for verb in ("lieb", "seh")
    for number in range(50)
]


def write_sheet(path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "English", "Deutsch", "who said it"))
        table.writerows(
            (n, one, f'"{two}", sagte sie' if n % 50 == 0 else two, "me") for n, (one, two) in enumerate(PAIRS)
        )


def write_moses(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Made.de-en.en", "".join(f"{one}\n" for one, _ in PAIRS))
        archive.writestr("Made.de-en.de", "".join(f"{two}\n" for _, two in PAIRS))
        archive.writestr("README", "as from OPUS\n")


CASES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "sheet.csv": ("source = column 2 'English', target = column 3 'Deutsch'", write_sheet),
    "moses.zip": ("", write_moses),
    "semicolons.csv": (
        "source = column 1, target = column 2",
        lambda path: path.write_text("".join(f"{one};{two}\r\n" for one, two in PAIRS)),
    ),
    "three-columns.tsv": (
        "source = column 1, target = column 2",
        lambda path: path.write_text("".join(f"{one}\t{two}\tCC-BY n{n}\n" for n, (one, two) in enumerate(PAIRS))),
    ),
    "null.jsonl": (
        "source = column 1 'en', target = column 2 'de'",
        lambda path: path.write_text(
            "".join(json.dumps({"en": one, "de": two or None}) + "\n" for one, two in [*PAIRS, ("x", "")])
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_file_is_enough(name: str, tmp_path: Path) -> None:
    work = small_corpus(tmp_path / "work")
    choice, write = CASES[name]
    write(work / name)
    given = given_corpus([work / name], None, None, None)
    config = load_config(work / "demo.toml", [*given.overrides, *SETTINGS["demo"]])
    notices: list[str] = []
    prepared = prepare(config, work / "run", overwrite=False, notify=notices.append)
    train = prepared.run.record().corpus.train
    assert (train.read, train.kept, train.held_out) == (201 if name == "null.jsonl" else 200, 160, 40)
    assert train.blank == (1 if name == "null.jsonl" else 0)
    assert "200 pairs: 160 for training, 20 for validation, 20 for testing" in notices
    assert any(choice in notice for notice in notices)
    held_out = [pair for split in ("validation", "test") for pair in zip(*prepared.run.split(split)[:2], strict=True)]
    assert len(set(held_out)) == 40
    assert not {source for source, _ in held_out} & set((prepared.run.path / "words.txt").read_text().split())
    again = prepare(config, work / "run", overwrite=False, notify=notices.append)
    assert again.validation.fingerprint == prepared.validation.fingerprint
    assert (again.filtered.is_kept == prepared.filtered.is_kept).all()


def test_the_settings_of_auto_are_chosen_printed_stored_and_kept_on_resume(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.csv")
    given = given_corpus([tmp_path / "sheet.csv"], None, None, None)
    config = load_config(find_config("auto"), [*given.overrides, "model.embedding_dim=16"])
    config._by_pairs = tuple((100 * (pairs > 0), row) for pairs, row in config._by_pairs[:2])
    notices: list[str] = []
    prepared = prepare(config, tmp_path / "run", overwrite=False, notify=notices.append)
    (chosen,) = [notice for notice in notices if notice.startswith("settings for 160 training pairs: ")]
    assert "training.epochs = 150" in chosen
    stored = prepared.run.config()
    assert (stored.training.epochs, stored.tokenizer.vocab_size, stored.architecture) == (150, 1000, "recurrent")
    assert "model.embedding_dim = 16" not in chosen  # it does not depend on the number of pairs
    assert stored.model.model_dump()["embedding_dim"] == 16
    again = prepare(config, tmp_path / "run", overwrite=False, notify=notices.append)
    assert again.config.training == prepared.config.training == stored.training


def test_auto_has_room_for_the_characters_of_any_script(tmp_path: Path) -> None:
    rows = [f"word number {n}\t" + "".join(chr(0x4E00 + 13 * n + k) for k in range(12)) for n in range(100)]
    (tmp_path / "a.tsv").write_text("\n".join(rows), encoding="utf-8")
    given = given_corpus([tmp_path / "a.tsv"], "en", "zh", None)
    notices: list[str] = []
    config = load_config(find_config("auto"), given.overrides)
    prepare(config, tmp_path / "run", overwrite=False, notify=notices.append)
    assert any(notice.startswith("tokenizer.vocab_size: raised from 500 to ") for notice in notices)
    prepare(config, tmp_path / "run", overwrite=False, notify=notices.append)


@pytest.mark.parametrize("columns", ["2", "1,2,3", ",2"])
def test_two_columns_are_expected(columns: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--columns: found .*, expected two columns; for example --columns 2,3"):
        given_corpus([], None, None, columns)


def test_the_options_are_settings_of_any_config() -> None:
    given = given_corpus([], "fr", None, "French,English")
    assert given.overrides == ['corpus.columns=["French", "English"]', 'corpus.source_language="fr"']
