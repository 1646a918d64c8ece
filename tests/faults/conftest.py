"""The fork server, a small corpus and finished runs of both architectures, each made once a session."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.harness import ROOT, Commands

if TYPE_CHECKING:
    from tests.faults.runs import TrainingRuns

TRANSFORMER = [
    "model.dim=16", "model.feed_forward_dim=16", "model.dropout=0.3", "encoder.num_layers=1", "decoder.num_layers=1",
    "encoder.self_attention.num_heads=2", "decoder.self_attention.num_heads=2", "decoder.cross_attention.num_heads=2",
]  # fmt: skip
RECURRENT = [
    "model.embedding_dim=16", "encoder.hidden_dim=8", "decoder.hidden_dim=16",
    "model.embedding_dropout=0.3", "model.readout_dropout=0.3",
]  # fmt: skip
SHORT = [
    "tokenizer.vocab_size=320", "training.batch_tokens=512", "training.steps=12", "training.validate_every=6",
    "training.save_every=3", "training.log_every=1", "training.warmup_steps=2", "decoding.beam_size=2",
]  # fmt: skip
SETTINGS = {"demo": [*TRANSFORMER, *SHORT], "demo-additive": [*RECURRENT, *SHORT]}


def sets(*overrides: str) -> list[str]:
    """Return the changes, each after a `--set`; of several values of a setting, the last."""
    last = {override.partition("=")[0]: override for override in overrides}
    return [part for override in last.values() for part in ("--set", override)]


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The fork server, one for each worker."""
    served = Commands(tmp_path_factory.mktemp("forkserver"))
    yield served
    served.close()


@pytest.fixture(autouse=True)
def no_process_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Kill commands that a failed test left running or suspended."""
    yield
    if "commands" in request.fixturenames:
        request.getfixturevalue("commands").end_all()


def small_corpus(folder: Path) -> Path:
    """A small part of the demo corpus, and configs `demo.toml` and `demo-additive.toml` that train on it."""
    folder.mkdir(parents=True)
    for split, count in (("train", 200), ("valid", 12), ("test", 12)):
        for suffix in ("en", "de", "kind"):
            path = ROOT / "data" / f"{split}.{suffix}"
            if path.is_file():
                lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[:count]
                (folder / path.name).write_text("".join(lines), encoding="utf-8")
    for name in SETTINGS:
        text = (ROOT / "configs" / f"{name}.toml").read_text(encoding="utf-8").replace('"../data"', '"."')
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a corpus and configs, which the test may change."""
    return small_corpus(tmp_path / "work")


@pytest.fixture(scope="session")
def finished(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and two finished runs, `runs/demo` and `runs/demo-additive`. Do not change it."""
    folder = small_corpus(tmp_path_factory.mktemp("finished") / "work")
    for name, settings in SETTINGS.items():
        done = commands.run(folder, "train", f"{name}.toml", *sets(*settings), "--output", f"runs/{name}")
        assert done.code == 0, done.error_text
    return folder


@pytest.fixture(scope="session")
def runs(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> "TrainingRuns":
    """Trains on a small corpus of its own; outputs go elsewhere."""
    from tests.faults.runs import TrainingRuns

    return TrainingRuns(commands, small_corpus(tmp_path_factory.mktemp("runs") / "work"))


@pytest.fixture
def work(finished: Path, tmp_path: Path) -> Path:
    """A copy of `finished`, which the test may change."""
    return Path(shutil.copytree(finished, tmp_path / "work"))
