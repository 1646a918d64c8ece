"""The ids of the training pairs come from this run's corpus and from nowhere else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.faults.conftest import SETTINGS, small_corpus
from tests.faults.harness import reseal
from translator.config import load_config, read_saved_config
from translator.errors import UsageError
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.train.prepare import Prepared, prepare
from translator.runs.folder import CONFIG


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


SOURCES = """
sources = [{folder = ".", weight = 0.5}, {folder = "more", weight = 3, format = "tsv", train = "some"}]
"""


@pytest.fixture
def weighted(tmp_path: Path) -> Path:
    """Write a corpus of 200 pairs, another one of 30 pairs of which one is blank, and a config for both."""
    folder = small_corpus(tmp_path / "work")
    (folder / "more").mkdir()
    pairs = zip(*((folder / f"train.{side}").read_text().splitlines()[:29] for side in ("en", "de")), strict=True)
    (folder / "more/some.tsv").write_text("\n".join(["\tx", *map("\t".join, pairs), ""]))
    text = (folder / "demo.toml").read_text()
    (folder / "both.toml").write_text(text.replace("[corpus]", f"[corpus]{SOURCES}"))
    return folder / "both.toml"


def test_each_pair_has_the_weight_of_its_corpus(weighted: Path) -> None:
    loaded = load_config(weighted, SETTINGS["demo"])
    prepared = prepare(loaded, weighted.parent / "run", overwrite=False, notify=print)
    counts = prepared.filtered.counts
    assert (counts.read, counts.kept, counts.blank, counts.duplicates) == (230, 229, 1, 29)
    assert prepared.run.record().corpus.train.findings[0].place == "corpus.sources"
    for _ in range(2):  # encoded, and read again
        pairs, weight_P = encoded_pairs(prepared, print)
        assert pairs.num_pairs == 229
        assert weight_P is not None
        assert weight_P.tolist() == [0.5] * 200 + [3.0] * 29
        np.testing.assert_array_equal(pairs.source.lengths(np.arange(29)), pairs.source.lengths(np.arange(200, 229)))
    saved = read_saved_config(prepared.run.path / CONFIG).corpus.sources
    assert [(source.folder, source.weight, source.format) for source in saved] == [
        (Path(), 0.5, None),
        (Path(), 3, "tsv"),
    ]
    prepare(load_config(weighted, SETTINGS["demo"]), weighted.parent / "run", overwrite=False, notify=print)


def test_a_wrong_source_is_rejected(weighted: Path) -> None:
    with pytest.raises(UsageError, match=r"corpus.sources: found 0, expected greater than 0"):
        load_config(weighted, ['corpus.sources=[{folder="x", weight=0}]'])
    with pytest.raises(UsageError, match="unknown option"):
        load_config(weighted, ['corpus.sources=[{folders="x"}]'])
