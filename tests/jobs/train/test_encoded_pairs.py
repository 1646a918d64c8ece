"""The ids of the training pairs come from this run's corpus and from nowhere else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.faults.conftest import SETTINGS, small_corpus
from tests.faults.harness import reseal
from translator.config import load_config
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.train.prepare import Prepared, prepare


def prepared(corpus: Path, output: str, *overrides: str, notices: list[str] | None = None) -> Prepared:
    config = load_config(corpus / "demo.toml", [*SETTINGS["demo"], *overrides])
    notices = [] if notices is None else notices
    return prepare(config, corpus / output, overwrite=False, notify=notices.append)


def ids(run: Prepared, notices: list[str] | None = None) -> list[list[int]]:
    """All ids of both sides."""
    notices = [] if notices is None else notices
    return [side[0].tolist() for side in encoded_pairs(run, notices.append).pairs]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return small_corpus(tmp_path / "work")


def test_pairs_of_a_run_beside_this_one_are_not_used(corpus: Path) -> None:
    expected = ids(prepared(corpus, "runs/one"))
    path = corpus / "runs/one/prepared/target.tokens"
    changed = np.fromfile(path, np.uint16)
    np.where(changed > 3, 4, changed).astype(np.uint16).tofile(path)
    reseal(path.parent)
    assert ids(prepared(corpus, "runs/two")) == expected


def test_the_tokenizer_of_a_run_beside_this_one_is_not_used(corpus: Path) -> None:
    expected = prepared(corpus, "elsewhere/one").tokenizer.fingerprint
    encoded_pairs(prepared(corpus, "runs/one"), print)
    other = prepared(corpus, "elsewhere/two", "tokenizer.vocab_size=330")
    shutil.rmtree(corpus / "runs/one/tokenizer")
    shutil.copytree(other.run.path / "tokenizer", corpus / "runs/one/tokenizer")
    for name in ("prepared/about.json", "run.json"):  # the manifest of the run has the hash of about.json, too
        path = corpus / "runs/one" / name
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "tokenizer": other.tokenizer.fingerprint}))
        reseal(path.parent)
    assert prepared(corpus, "runs/two").tokenizer.fingerprint == expected


def test_pairs_are_encoded_once_and_again_after_damage(corpus: Path) -> None:
    run = prepared(corpus, "runs/one")
    expected = ids(run)
    path = corpus / "runs/one/prepared/source.tokens"
    before = path.stat().st_mtime_ns
    assert ids(run) == expected
    assert path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-1])
    notices: list[str] = []
    assert ids(run, notices) == expected
    assert "prepared cannot be used and is written again: source.tokens has " in notices[0]


@pytest.mark.parametrize("content", ["{}", "[", '{"num_pairs": 1e400}'])
def test_a_damaged_record_of_the_pairs_is_reported_and_written_again(content: str, corpus: Path) -> None:
    run = prepared(corpus, "runs/one")
    expected = ids(run)
    path = corpus / "runs/one/prepared/about.json"
    whole = path.read_bytes()
    path.write_text(content)
    reseal(path.parent)
    notices: list[str] = []
    assert ids(run, notices) == expected
    assert notices == [f"{path.parent} cannot be used and is written again: about.json is damaged"]
    assert path.read_bytes() == whole
