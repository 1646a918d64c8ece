"""Several corpora are trained on together, each with its weight."""

from pathlib import Path

import numpy as np
import pytest

from tests.faults.conftest import SETTINGS, small_corpus
from translator.config import load_config, read_saved_config
from translator.errors import UsageError
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.train.prepare import prepare
from translator.runs.folder import CONFIG

SOURCES = """
sources = [{folder = ".", weight = 0.5}, {folder = "more", weight = 3, format = "tsv", train = "some"}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a corpus of 200 pairs, another one of 30 pairs of which one is blank, and a config for both."""
    folder = small_corpus(tmp_path / "work")
    (folder / "more").mkdir()
    pairs = zip(*((folder / f"train.{side}").read_text().splitlines()[:29] for side in ("en", "de")), strict=True)
    (folder / "more/some.tsv").write_text("\n".join(["\tx", *map("\t".join, pairs), ""]))
    text = (folder / "demo.toml").read_text()
    (folder / "both.toml").write_text(text.replace("[corpus]", f"[corpus]{SOURCES}"))
    return folder / "both.toml"


def test_each_pair_has_the_weight_of_its_corpus(config: Path) -> None:
    loaded = load_config(config, SETTINGS["demo"])
    prepared = prepare(loaded, config.parent / "run", overwrite=False, notify=print)
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
    prepare(load_config(config, SETTINGS["demo"]), config.parent / "run", overwrite=False, notify=print)


def test_a_wrong_source_is_rejected(config: Path) -> None:
    with pytest.raises(UsageError, match=r"corpus.sources: found 0, expected greater than 0"):
        load_config(config, ['corpus.sources=[{folder="x", weight=0}]'])
    with pytest.raises(UsageError, match="unknown option"):
        load_config(config, ['corpus.sources=[{folders="x"}]'])
