"""Runs that a comparison needs: each is trained once, side by side exactly as one after the other."""

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.jobs.compare.conftest import CPU, configure
from translator.config import Config, dump_config
from translator.errors import TranslatorError, UsageError
from translator.jobs.compare import train_missing as module
from translator.jobs.compare.train_missing import plan_runs, train_missing
from translator.jobs.train.events import TrainingObservers
from translator.runs.folder import RunFolder
from translator.training.checkpoint import MODEL


class Trainer:
    """Replaces `train_run`: copies a trained run, and remembers the seeds."""

    def __init__(self, trained: RunFolder) -> None:
        self.trained = trained
        self.seeds: list[int] = []

    def __call__(self, config: Config, folder: Path, **options: Any) -> RunFolder:
        self.seeds.append(config.training.seed)
        run = RunFolder(Path(shutil.copytree(self.trained.path, folder)))
        configure(run, training={"seed": config.training.seed})
        return run


@pytest.fixture
def trainer(trained: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer(trained)
    monkeypatch.setattr(module, "train_run", trainer)
    return trainer


@pytest.fixture
def config(trained: RunFolder, tmp_path: Path) -> Path:
    """A config file with the settings of the trained run."""
    text = dump_config(trained.config())
    assert "[corpus]\n" in text
    corpus = trained.path.parent.parent
    (tmp_path / "mine.toml").write_text(text.replace("[corpus]\n", f"[corpus]\nfolder = '{corpus}'\n"))
    return tmp_path / "mine.toml"


class Messages(TrainingObservers):
    """Collects the messages of all training runs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def notify(self, text: str) -> None:
        self.lines.append(text)


def find(config: Path, num_seeds: int = 1, root: str = "runs", **options: Any) -> list[RunFolder]:
    planned = plan_runs(config, config.parent / root, num_seeds=num_seeds)
    observer = options.pop("observer", TrainingObservers())
    train_missing(planned, device=CPU, open_observer=lambda _: nullcontext(observer), **options)
    return [plan.run for plan in planned]


def test_each_seed_is_trained_once_in_its_own_folder(trainer: Trainer, config: Path) -> None:
    runs = find(config, 3)
    assert [run.path.name for run in runs] == ["mine", "mine-seed2", "mine-seed3"]
    assert [run.config().training.seed for run in runs] == trainer.seeds == [1, 2, 3]
    assert find(config, 3) == runs
    assert trainer.seeds == [1, 2, 3]


def test_a_config_named_twice_is_trained_once(trainer: Trainer, config: Path) -> None:
    planned = plan_runs(config, config.parent) * 2
    train_missing(planned, device=CPU, open_observer=lambda _: nullcontext(TrainingObservers()))
    assert trainer.seeds == [1]


def test_different_configs_of_one_name_are_not_taken_for_each_other(trainer: Trainer, config: Path) -> None:
    other = config.parent / "elsewhere" / config.name
    other.parent.mkdir()
    other.write_text(config.read_text().replace("label_smoothing = 0.1", "label_smoothing = 0.2"))
    planned = plan_runs(config, config.parent) + plan_runs(other, config.parent)
    with pytest.raises(UsageError, match=r"label_smoothing was 0\.1, is 0\.2 in .*elsewhere"):
        train_missing(planned, device=CPU, open_observer=lambda _: nullcontext(TrainingObservers()))


@pytest.mark.parametrize("key", ["training.steps", "training.patience", "model.dropout", "training.seed"])
def test_a_finished_run_with_other_settings_is_rejected(trainer: Trainer, config: Path, key: str) -> None:
    [run] = find(config)
    table, name = key.split(".")
    configure(run, **{table: {name: 9 if table == "training" else 0.9}})
    with pytest.raises(
        UsageError, match=rf"runs/mine: was trained with different settings: {key} was (9|0\.9), is .* in "
    ):
        find(config)
    assert trainer.seeds == [1]


def test_a_setting_without_effect_on_the_result_may_differ(trainer: Trainer, config: Path) -> None:
    [run] = find(config)
    configure(run, training={"log_every": 9, "samples": 0}, decoding={"beam_size": 9})
    assert find(config) == [run]
    assert trainer.seeds == [1]


@pytest.mark.slow
def test_training_side_by_side_equals_training_one_after_the_other(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    messages = Messages()
    together = find(config, 2, "together", num_processes=2, observer=messages)
    apart = find(config, 2, "apart")
    for one, two in zip(together, apart, strict=True):
        assert (one.final / MODEL).read_bytes() == (two.final / MODEL).read_bytes()
        assert one.config() == two.config()
        assert one.finish_record().made_by == two.finish_record().made_by == "compare"
    assert messages.lines[:2] == ["training mine (1 of 2)", "training mine-seed2 (2 of 2)"]
    assert [line.rpartition(" s ")[2] for line in messages.lines if " finished after " in line] == [
        "(1 of 2)",
        "(2 of 2)",
    ]


@pytest.mark.slow
def test_a_failed_training_run_is_reported_with_its_error(config: Path) -> None:
    config.write_text(config.read_text().replace("folder = '", "folder = '/missing"))
    with pytest.raises(TranslatorError, match=r"mine(-seed2)?: training ended with exit code 3 \(.*/missing") as error:
        find(config, 2, num_processes=2)
    assert error.value.exit_code == 3
