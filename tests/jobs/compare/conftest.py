"""A tiny trained run for the tests of comparisons, and ways to change what its files say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.faults.conftest import SETTINGS, small_corpus
from tests.faults.harness import reseal
from translator.config import dump_config, load_config, portable
from translator.jobs.train.events import TrainingObservers
from translator.jobs.train.train import train_run
from translator.runs.folder import RunFolder

CPU = torch.device("cpu")
OVERRIDES = [*SETTINGS["demo"], "training.steps=2"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two updates. Copy it before changing it."""
    folder = small_corpus(tmp_path_factory.mktemp("compared") / "corpus")
    config = load_config(folder / "demo.toml", OVERRIDES)
    return train_run(config, folder / "runs/demo", device=CPU, observer=TrainingObservers())


def change(run: RunFolder, name: str, **values: Any) -> None:
    """Change values in a record of a run; the parts of a path of keys are joined by two underscores."""
    record = json.loads((run.path / name).read_bytes())
    for path, value in values.items():
        *parents, last = path.split("__")
        table = record
        for parent in parents:
            table = table[parent]
        table[last] = value
    (run.path / name).write_text(json.dumps(record))
    reseal((run.path / name).parent)


def configure(run: RunFolder, **tables: Any) -> None:
    """Change settings in tables of the config, as if the run had been trained with them."""
    config = run.config()
    changed = {name: getattr(config, name).model_copy(update=update) for name, update in tables.items()}
    config = config.model_copy(update=changed)
    (run.path / "config.toml").write_text(dump_config(config))
    change(run, "final/finished.json", training=portable(config)["training"])
    reseal(run.path)


@pytest.fixture
def pair(trained: RunFolder, tmp_path: Path) -> list[RunFolder]:
    """Return two copies of the trained run, which may be changed."""
    return [RunFolder(Path(shutil.copytree(trained.path, tmp_path / name))) for name in ("one", "other")]
