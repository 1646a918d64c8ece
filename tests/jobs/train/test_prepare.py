"""A run folder is prepared from a corpus once, and opened again only with the same settings and sentences."""

from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, small_corpus
from tests.faults.harness import snapshot
from translator.config import load_config
from translator.errors import DataError, MachineError, ModelError, TranslatorError, UsageError
from translator.jobs.train.prepare import Prepared, prepare
from translator.runs.folder import RunFolder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return small_corpus(tmp_path / "work")


def prepared(
    corpus: Path, *overrides: str, output: str = "run", overwrite: bool = False, notices: list[str] | None = None
) -> Prepared:
    config = load_config(corpus / "demo.toml", [*SETTINGS["demo"], *overrides])
    notify = print if notices is None else notices.append
    return prepare(config, corpus / output, overwrite=overwrite, notify=notify)


def test_a_new_run_records_what_was_read(corpus: Path) -> None:
    lines = (corpus / "train.en").read_text().splitlines()
    (corpus / "train.en").write_text("\n".join(["", *lines[1:], ""]))
    notices: list[str] = []
    run = prepared(corpus, notices=notices).run
    run.require_intact()
    record = run.record()
    assert (record.corpus.train.read, record.corpus.train.blank, record.corpus.train.kept) == (200, 1, 199)
    assert (record.corpus.validation.read, record.corpus.test and record.corpus.test.read) == (12, 12)
    assert [finding.place for finding in record.corpus.train.findings if finding.what == "blank"] == ["train.en"]
    assert record.tokenizer == run.tokenizer().fingerprint
    assert len(run.split("test").source) == 12
    assert notices[0].startswith("training pairs: 200 read, 199 kept; skipped: 1 blank (first ")
    assert "validation pairs: 12" in notices


def test_an_existing_run_is_opened_without_changing_it(corpus: Path) -> None:
    first = prepared(corpus)
    before = snapshot(first.run.path)
    again = prepared(corpus, "training.steps=99")
    assert snapshot(first.run.path) == before
    assert again.tokenizer.fingerprint == first.tokenizer.fingerprint
    assert again.filtered.fingerprint == first.filtered.fingerprint


def test_other_settings_or_sentences_are_refused(corpus: Path) -> None:
    run = prepared(corpus).run
    before = snapshot(run.path)
    with pytest.raises(UsageError, match=r"was started with different settings: model\.dropout was 0\.3, is now 0\.5"):
        prepared(corpus, "model.dropout=0.5")
    recorded = run.record().corpus
    for split, name, old in (
        ("train", "training", recorded.train.fingerprint),
        ("valid", "validation", recorded.validation.fingerprint),
    ):
        text = (corpus / f"{split}.de").read_text()
        (corpus / f"{split}.de").write_text(text.replace(text.split()[0], "Etwas", 1))
        message = (
            rf"was started with different {name} sentences \(fingerprint {old}, now [0-9a-f]{{64}}\); restore the files"
        )
        with pytest.raises(DataError, match=message):
            prepared(corpus)
        (corpus / f"{split}.de").write_text(text)
    assert snapshot(run.path) == before


def test_a_changed_or_missing_test_set_is_reported_and_training_may_resume(corpus: Path) -> None:
    fingerprint = prepared(corpus).run.record().corpus.test
    assert fingerprint is not None
    notices: list[str] = []
    prepared(corpus, notices=notices)
    assert notices == []
    text = (corpus / "test.de").read_text()
    (corpus / "test.de").write_text(text.replace(text.split()[0], "Etwas", 1))
    prepared(corpus, notices=notices)
    (corpus / "test.en").unlink()
    prepared(corpus, notices=notices)
    assert f"test.de: different test sentences (fingerprint {fingerprint.fingerprint}, now " in notices[0]
    assert "test.en: no such file" in notices[1]
    assert all(notice.startswith("warning: ") and "this run still reports scores on" in notice for notice in notices)


def test_overwriting_prepares_the_run_again(corpus: Path) -> None:
    old = prepared(corpus).run.record()
    new = prepared(corpus, "corpus.max_words=9", overwrite=True).run.record()
    assert new.corpus.train.kept < old.corpus.train.kept
    assert not list(corpus.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        (["corpus.train=missing"], DataError),
        (["corpus.max_words=1"], DataError),
        (["tokenizer.vocab_size=8", "tokenizer.byte_fallback=false"], UsageError),
        (["training.initialise_from=nowhere"], ModelError),
    ],
)
def test_a_run_that_cannot_be_prepared_leaves_nothing(
    overrides: list[str], error: type[TranslatorError], corpus: Path
) -> None:
    before = snapshot(corpus)
    with pytest.raises(error):
        prepared(corpus, *overrides)
    assert snapshot(corpus) == before
    assert not (corpus / "run").exists()


def test_a_folder_of_something_else_is_refused(corpus: Path) -> None:
    (corpus / "run").mkdir()
    (corpus / "run/notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(MachineError, match="is not a run folder"):
            prepared(corpus, overwrite=overwrite)
    (corpus / "run/notes.txt").unlink()
    assert prepared(corpus).run == RunFolder(corpus / "run")  # an empty folder is filled


def test_all_references_of_the_test_set_are_kept(corpus: Path) -> None:
    text = (corpus / "test.de").read_text()
    (corpus / "test.de").rename(corpus / "test.de.0")
    training = (corpus / "train.de").read_text().splitlines(keepends=True)[0]
    (corpus / "test.de.1").write_text(training + text.partition("\n")[2])
    source = (corpus / "train.en").read_text().splitlines(keepends=True)[0]
    (corpus / "test.en").write_text(source + (corpus / "test.en").read_text().partition("\n")[2])
    notices: list[str] = []
    run = prepared(corpus, notices=notices).run
    test = run.split("test")
    assert ["\n".join([*lines, ""]) for lines in (test.target, *test.others)] == [
        text,
        training + text.partition("\n")[2],
    ]
    assert "test pairs: 12, 2 references each, 1 also in the training data" in notices
    prepared(corpus, notices=(later := list[str]()))
    (corpus / "test.de.1").write_text(text)
    prepared(corpus, notices=later)
    assert [notice.partition(" (")[0].endswith("different test sentences") for notice in later] == [True]
