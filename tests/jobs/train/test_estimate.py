"""A dry run finds what training would find, estimates it, and writes nothing."""

from pathlib import Path

import pytest
import torch

from tests.faults.conftest import SETTINGS, small_corpus
from tests.faults.harness import snapshot
from tests.jobs.train.conftest import Train
from translator.config import load_config
from translator.config_files import find_config
from translator.errors import DataError
from translator.jobs.train.estimate import Estimate, dry_run, training_memory
from translator.models.layers import Vocabularies
from translator.runs.folder import RunFolder
from translator.runs.model import sketch_model


def estimated(corpus: Path, *overrides: str) -> tuple[str, list[str]]:
    notices: list[str] = []
    config = load_config(corpus / "demo.toml", [*SETTINGS["demo"], *overrides])
    return dry_run(config, RunFolder(corpus / "new"), device=torch.device("cpu"), notify=notices.append), notices


def test_a_dry_run_says_what_training_says_and_writes_nothing(corpus: Path, train: Train) -> None:
    before = snapshot(corpus)
    text, notices = estimated(corpus, "training.epochs=2")
    assert snapshot(corpus) == before
    assert "training pairs: 200 read, 200 kept" in notices
    _, heard = train("real", "training.epochs=2")
    assert f"estimate: {heard.steps[-1]:,} updates, 2 passes over the corpus, roughly " in text
    assert any(line.startswith(text.split("; ")[0]) for line in heard.lines)


def test_a_dry_run_finds_errors_of_the_corpus(tmp_path: Path) -> None:
    corpus = small_corpus(tmp_path / "work")
    (corpus / "train.de").write_text("x\n")
    with pytest.raises(DataError, match=r"train\.en: found 200 lines, but .*train\.de has 1"):
        estimated(corpus)


@pytest.mark.parametrize(
    ("config", "overrides", "measured"),
    [  # `peak_memory_bytes` in final/finished.json of such runs on one thread of a CPU with AVX512, in MB
        ("demo", (), 1034),
        ("demo", ("training.batch_tokens=1024",), 788),
        ("demo-additive", (), 1070),
        ("multi30k-additive", (), 1293),
        ("multi30k-transformer", (), 1573),
        ("transformer", ("training.batch_tokens=2048",), 1543),
    ],
)
def test_the_memory_is_estimated_to_a_factor_of_one_and_a_half(
    config: str, overrides: tuple[str, ...], measured: float
) -> None:
    chosen = load_config(find_config(config), overrides)
    size = chosen.tokenizer.vocab_size
    model = sketch_model(chosen, Vocabularies(size, size, is_joint=True))
    assert measured / 1.5 < training_memory(chosen.training, model) / 1e6 < measured * 1.5


def test_no_update_is_larger_than_the_corpus_or_a_pool_of_sentences(corpus: Path) -> None:
    def memory(batch_tokens: int, pool_sentences: int) -> float:
        sizes = f"training.batch_tokens={batch_tokens}", f"training.pool_sentences={pool_sentences}"
        return float(estimated(corpus, *sizes, "model.feed_forward_dim=20000")[0].split()[-4])

    whole = memory(10**6, 1000)
    assert memory(64, 1000) < whole == memory(10**9, 1000)
    assert memory(10**9, 20) < whole / 2


def test_the_estimate_is_one_line() -> None:
    assert Estimate(10, 1, 90, 1.5e9).text() == (
        "estimate: 10 updates, 1 pass over the corpus, roughly 2 min without validation, 1.5 GB of memory"
    )
