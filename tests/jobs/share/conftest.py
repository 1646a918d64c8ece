"""A tiny run whose records name secrets, and its pack."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from tests.faults.harness import make_it_write
from tests.jobs.compare.conftest import CPU, change, configure, pair, trained
from translator.jobs.share.pack import pack_run
from translator.runs.folder import RunFolder
from translator.runs.lookup import find_run

__all__ = ["pair", "trained"]

FINDING = {
    "what": "odd",
    "num_lines": 1,
    "place": "secret.en",
    "line": 1,
    "example": "A secret sentence.",
    "share": None,
}


@pytest.fixture
def run(pair: list[RunFolder]) -> RunFolder:
    """Return a run that always writes one word and whose records name files and quote a sentence."""
    run = pair[0]
    make_it_write(run.path, "▁der")
    secret = {
        "folder": Path("secret"),
        "train": ("secret.en", "../secret.de"),
        "validation": "secret",
        "test": "secret",
    }
    configure(run, corpus=secret, training={"initialise_from": "secret/run", "teacher": "secret/a,secret/b"})
    change(run, "run.json", **{f"corpus__{split}__findings": [FINDING] for split in ("train", "validation", "test")})
    return run


def packed(run: RunFolder, output: Path, licence: str | None = None) -> RunFolder:
    pack_run(run, output, licence=licence, device=CPU)
    return find_run(output)


def card_of(run: RunFolder) -> Any:
    return ModelCard((run.path / "README.md").read_text())
