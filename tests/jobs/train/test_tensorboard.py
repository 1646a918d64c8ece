"""Event files have the numbers of the journal, and writing them changes nothing else."""

import errno
import hashlib
import os
import re
import socket
import sys
import warnings
from pathlib import Path

import pytest
import torch

from tests.faults.conftest import SETTINGS, small_corpus
from tests.faults.runs import journal
from tests.jobs.train.conftest import Recorder
from tests.report.test_heat_map import HOSTILE
from translator.config import load_config
from translator.errors import MachineError
from translator.jobs.train import train
from translator.jobs.train.events import TrainingObservers
from translator.runs.folder import RunFolder
from translator.training.progress import Report, Sample

pytest.importorskip("tensorboard", reason="needs the library: pip install tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from translator.jobs.train import tensorboard
from translator.jobs.train.tensorboard import text_value


class Crash(BaseException):
    """Not an Exception, since training saves its state before it raises one."""


class Breaks(TrainingObservers):
    """Interrupts training as a crash would."""

    def updated(self, report: Report) -> None:
        if report.step == 9:
            raise Crash


def trained(
    corpus: Path, output: str, *overrides: str, name: str = "demo", observer: TrainingObservers | None = None
) -> Path:
    config = load_config(corpus / f"{name}.toml", [*SETTINGS[name], "training.validate_every=3", *overrides])
    observer = observer or TrainingObservers()
    return train.train_run(config, corpus / output, device=torch.device("cpu"), observer=observer).path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_corpus(tmp_path_factory.mktemp("tensorboard") / "work")


@pytest.fixture(scope="module")
def plain(corpus: Path) -> Path:
    module = sys.modules.pop("translator.jobs.train.tensorboard")
    run = trained(corpus, "plain")
    assert module.__name__ not in sys.modules, "imported although it was not asked for"
    sys.modules[module.__name__] = module
    return run


@pytest.fixture(scope="module")
def broken(corpus: Path) -> Path:
    """A run with event files that crashed at step 9 and resumed from step 6."""
    with pytest.raises(Crash):
        trained(corpus, "broken", "training.tensorboard=true", observer=Breaks())
    return trained(corpus, "broken", "training.tensorboard=true")


def events(run: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def test_event_files_change_no_loss_and_no_parameter(plain: Path, broken: Path) -> None:
    assert journal(broken) == journal(plain)
    digests = {hashlib.sha256((run / "final/model.safetensors").read_bytes()).digest() for run in (plain, broken)}
    assert len(digests) == 1
    assert not (plain / "tensorboard").exists()


def test_after_a_crash_every_step_occurs_once_with_the_numbers_of_the_journal(broken: Path) -> None:
    accumulator = events(broken)
    assert len(list((broken / "tensorboard").iterdir())) == 2
    for event, tag, key in (
        ("update", "training/loss", "loss"),
        ("update", "training/learning_rate", "learning_rate"),
        ("update", "training/gradient_norm", "gradient_norm"),
        ("validation", "validation/cross_entropy", "cross_entropy"),
        ("validation", "validation/perplexity", "perplexity"),
        ("validation", "validation/BLEU", "bleu"),
    ):
        expected = [record for record in journal(broken) if record["event"] == event]
        scalars = accumulator.Scalars(tag)
        assert [scalar.step for scalar in scalars] == [record["step"] for record in expected]
        for scalar, record in zip(scalars, expected, strict=True):
            assert scalar.value == pytest.approx(float.fromhex(record[key]), rel=1e-6)
    assert [scalar.step for scalar in accumulator.Scalars("training/target_tokens_per_second")] == list(range(1, 13))


def test_each_validation_has_its_samples_and_one_picture_of_one_size(broken: Path) -> None:
    accumulator = events(broken)
    assert accumulator.Tags()["tensors"] == ["sample/1", "sample/2", "sample/3"]
    assert [tensor.step for tensor in accumulator.Tensors("sample/1")] == [3, 6, 9, 12]
    pictures = accumulator.Images("attention")
    assert [picture.step for picture in pictures] == [3, 6, 9, 12]
    assert all(picture.encoded_image_string.startswith(b"\x89PNG") for picture in pictures)
    assert len({(picture.width, picture.height) for picture in pictures}) == 1


def test_event_files_do_not_name_the_machine_or_its_folders_and_leave_the_run_intact(broken: Path) -> None:
    RunFolder(broken).require_finished()
    for path in (broken / "tensorboard").iterdir():
        assert re.fullmatch(r"events\.out\.tfevents\.\d+", path.name)
        content = path.read_bytes()
        assert str(broken).encode() not in content
        assert f".{socket.gethostname()}.".encode() not in content
        assert str(os.getpid()) not in path.name


def test_a_model_without_attention_weights_has_no_picture(corpus: Path) -> None:
    fixed = ["training.tensorboard=true", "decoder.cross_attention.mechanism=none"]
    run = trained(corpus, "fixed", *fixed, name="demo-additive")
    assert events(run).Tags()["images"] == []
    assert "validation/BLEU" in events(run).Tags()["scalars"]


@pytest.mark.parametrize(
    "text", [*HOSTILE, "<script>alert(1)</script>", "# x", "```\na", "[a](http://e)", "![](x)", "<b>a"]
)
def test_no_sample_is_rendered_as_markdown(text: str) -> None:
    value = text_value("sample/1", Sample(text, f"- {text}", f"1. {text}"))
    with warnings.catch_warnings(action="ignore"):  # TensorBoard uses a deprecated HTML cleaner
        from tensorboard.plugin_util import markdown_to_safe_html
    html = markdown_to_safe_html(value.tensor.string_val[0].decode())
    assert re.fullmatch(r"<pre><code>[^<]*</code></pre>", html)
    assert html.count("\n") == 3


@pytest.mark.parametrize("package", ["tensorboard", "matplotlib"])
def test_a_missing_library_is_reported_before_anything_is_written(
    corpus: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MachineError, match=rf"{package} is not installed; pip install {package}, or set it to false"):
        trained(corpus, "never", "training.tensorboard=true")
    assert not (corpus / "never").exists()


def test_a_disk_that_refuses_an_event_is_a_warning_and_leaves_no_part_of_it(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, calls = tensorboard.append, 0

    def refuse(descriptor: int, content: bytes) -> None:
        nonlocal calls
        calls += 1
        if 5 <= calls < 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        inner(descriptor, content)

    monkeypatch.setattr(tensorboard, "append", refuse)
    recorder = Recorder()
    run = trained(corpus, "refused", "training.tensorboard=true", observer=recorder)
    assert journal(run) == journal(trained(corpus, "not-refused"))
    warnings = [line for line in recorder.lines if "cannot be written (No space left on device)" in line]
    assert len(warnings) == 1
    steps = [scalar.step for scalar in events(run).Scalars("training/loss")]
    assert steps == [step for step in range(1, 13) if step not in (3, 4)]
