"""A checkpoint is complete or absent, and any damage to it is noticed."""

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.tiny import tiny
from translator.errors import ModelError, NumericalError
from translator.storage.manifest import MANIFEST, find_damage, write_manifest
from translator.training.checkpoint import (
    MODEL,
    PROGRESS,
    Checkpoint,
    CheckpointRecord,
    existing,
    find_checkpoints,
    load_parameters,
    parameters_of,
    prune,
    read_parameters,
    save_checkpoint,
    serialize,
    undamaged,
)
from translator.training.loop import build_optimizer
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings


def saved(folder: Path, step: int, bleu: float | None = None) -> Checkpoint:
    model = tiny("recurrent")
    optimizer = build_optimizer(model, TrainingSettings())
    return save_checkpoint(folder, model, optimizer, CheckpointRecord(Progress(step=step), bleu, False, {}))


def test_parameters_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    model = tiny("recurrent")
    with torch.no_grad():
        model.output.bias[0] = float("inf")
    with pytest.raises(NumericalError, match=r"step 7: \S+ is not finite; lower training\.learning_rate"):
        save_checkpoint(
            tmp_path,
            model,
            build_optimizer(model, TrainingSettings()),
            CheckpointRecord(Progress(step=7), None, False, {}),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc")
def test_running_out_of_memory_while_a_checkpoint_is_serialized_is_a_memory_error() -> None:
    """In a child process, because safetensors itself may end the process."""
    tensors = {"x": torch.zeros(2**24)}  # 64 MB, for which glibc always asks the system
    child = os.fork()
    if child == 0:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 2**26, resource.RLIM_INFINITY))
        try:
            serialize(tensors)
        except MemoryError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(serialize(tensors)) > tensors["x"].nbytes


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def replace(folder: Path, part: str, content: bytes) -> None:
    (folder / part).write_bytes(content)
    (folder / MANIFEST).unlink()
    write_manifest(folder)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def rename_step(folder: Path) -> None:
    shutil.rmtree(folder)
    saved(folder.parent, 3).path.rename(folder)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (lambda folder: cut(folder / MODEL), "model.safetensors has"),
    "flipped": (lambda folder: flip(folder / MODEL), "SHA-256 differs"),
    "missing part": (lambda folder: (folder / MODEL).unlink(), "No such file"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "manifest.json: No such file"),
    "broken manifest": (lambda folder: (folder / MANIFEST).write_text("{"), "manifest.json is damaged"),
    "deep manifest": (lambda folder: (folder / MANIFEST).write_text("[" * 100_000), "manifest.json is damaged"),
    "escaping": (
        lambda folder: (folder / MANIFEST).write_text(
            json.dumps({"format": 1, "parts": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}})
        ),
        "illegal path",
    ),
    "unlisted part": (
        lambda folder: (folder / MANIFEST).write_text('{"format": 1, "parts": {}}'),
        "does not list model",
    ),
    "huge manifest": (lambda folder: os.truncate(folder / MANIFEST, 2**40), "manifest.json is damaged"),
    "linked part": (lambda folder: link(folder / MODEL), "illegal path"),
    "pipe": (lambda folder: pipe(folder / MODEL), "is not a file"),
    "deep progress": (lambda folder: replace(folder, PROGRESS, b"[" * 60_000), "is not the progress of a training run"),
    "huge progress": (
        lambda folder: replace(folder, PROGRESS, b" " * 100_000),
        "progress.json has 100000 bytes, expected at most 65536",
    ),
    "strange progress": (
        lambda folder: replace(folder, PROGRESS, b'{"progress": 3}'),
        "is not the progress of a training run",
    ),
    "other name": (lambda folder: rename_step(folder), "belongs to step 3"),
}


@pytest.mark.parametrize(
    "change",
    [{"step": True}, {"step": -1}, {"step": 2.0}, {"step": 10**30}, {"seconds": float("nan")}, {"seconds": 1e999},
     {"usual_loss": "2"}, {"best_bleu": []}],
)  # fmt: skip
def test_every_value_of_the_progress_is_checked(change: dict[str, object], tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, 2)
    record = json.loads((checkpoint.path / PROGRESS).read_bytes())
    record["progress"] |= change
    replace(checkpoint.path, PROGRESS, json.dumps(record).encode())
    notices: list[str] = []
    assert find_checkpoints(tmp_path, notices.append) == []
    assert "is not the progress of a training run" in notices[0]


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_reported_skipped_and_not_touched(kind: str, tmp_path: Path) -> None:
    good, bad = saved(tmp_path, 1), saved(tmp_path, 2)
    damage, reason = DAMAGES[kind]
    damage(bad.path)
    notices: list[str] = []
    assert find_checkpoints(tmp_path, notices.append) == [good]
    assert notices[0].startswith("step-00000002 is damaged and was skipped: ")
    assert reason in notices[0]
    assert bad.path.is_dir()


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = [saved(tmp_path, step, bleu) for step, bleu in enumerate((3.0, 9.0, 1.0, None, 2.0), 1)]
    assert [checkpoint.step for checkpoint in prune(checkpoints, print, keep_last=2, keep_best=1)] == [2, 4, 5]
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["2", "4", "5"]


@pytest.mark.parametrize("keep_best", range(6))
def test_as_many_of_the_best_are_kept_as_are_asked_for_or_exist(keep_best: int, tmp_path: Path) -> None:
    checkpoints = [saved(tmp_path, step, bleu) for step, bleu in enumerate((3.0, 9.0, 1.0, 2.0), 1)]
    best = [2, 1, 4, 3][:keep_best]
    kept = prune(checkpoints, print, keep_last=1, keep_best=keep_best)
    assert [checkpoint.step for checkpoint in kept] == sorted({*best, 4})


def test_a_checkpoint_that_somebody_deleted_or_damaged_is_reported_and_not_counted(tmp_path: Path) -> None:
    checkpoints = [saved(tmp_path, step) for step in (1, 2, 3)]
    shutil.rmtree(checkpoints[1].path)
    (checkpoints[0].path / MODEL).unlink()
    warnings: list[str] = []
    assert existing(checkpoints, warnings.append) == [checkpoints[0], checkpoints[2]]
    assert undamaged([checkpoints[0], checkpoints[2]], warnings.append) == [checkpoints[2]]
    assert warnings == [
        "step-00000002 no longer exists; training continues without it",
        "step-00000001 is damaged and was skipped: model.safetensors: No such file or directory",
    ]


def test_a_checkpoint_that_cannot_be_deleted_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = [saved(tmp_path, step) for step in (1, 2, 3)]

    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "rename", refuse)
    warnings: list[str] = []
    assert prune(checkpoints, warnings.append, keep_last=2, keep_best=0) == checkpoints[1:]
    assert warnings == [f"{checkpoints[0].path} cannot be deleted (Permission denied); training continues"]
    assert checkpoints[0].path.is_dir()


def test_a_damaged_checkpoint_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    cut(saved(tmp_path, 1).path / MODEL)
    assert find_damage(saved(tmp_path, 1).path) is None


def test_parameters_are_restored_and_those_of_another_model_are_refused(tmp_path: Path) -> None:
    checkpoint, model = saved(tmp_path, 1), tiny("recurrent")
    load_parameters(model, read_parameters(checkpoint.path / MODEL), "here")
    torch.testing.assert_close(parameters_of(model), read_parameters(checkpoint.path / MODEL))
    with pytest.raises(ModelError, match=r"parameters of another model: \S+ is (nothing|\(.*\)), expected "):
        load_parameters(tiny("transformer"), read_parameters(checkpoint.path / MODEL), "here")


def test_a_header_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes((2 * 10**8).to_bytes(8, "little"))
    os.truncate(tmp_path / MODEL, 2 * 10**11)
    with pytest.raises(ModelError, match="a header of 200000000 bytes"):
        read_parameters(tmp_path / MODEL)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x80\x02}q\x00.", b"\xff\xff\xff\x7f\0\0\0\0{}"])
def test_a_file_that_is_not_safetensors_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as safetensors"):
        read_parameters(tmp_path / MODEL)
