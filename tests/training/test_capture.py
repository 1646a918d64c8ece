"""Static batches train like dynamic ones, captured updates equal uncaptured ones, and a failed capture changes nothing.

On a CPU a plain call replaces the recorded graph, which tests everything but the recording itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.test_laws import VARIANTS, label
from tests.tiny import VOCAB_SIZE, tiny
from translator.ops.choice import Ops
from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.static_batches import StaticBatches
from translator.text.tokenizer import EOS
from translator.training.capture import CapturedUpdates, _CudaRecorder
from translator.training.checkpoint import CheckpointRecord, restore_checkpoint, save_checkpoint
from translator.training.loop import accumulate, build_optimizer, train
from translator.training.objective import Objective
from translator.training.processes import Processes
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates, static_share

CPU, FAST = torch.device("cpu"), Ops(fast=True)
SETTINGS = TrainingSettings(steps=60, batch_tokens=40, pool_sentences=50, warmup_steps=20, batch_by="shape")
Run = tuple[list[float], list[Tensor], list[str]]


def corpus_updates(device: torch.device = CPU, num_pairs: int = 50) -> CorpusUpdates:
    generator = torch.Generator().manual_seed(1)
    sides = [
        [
            [*torch.randint(4, VOCAB_SIZE, (n % length + 1,), generator=generator).tolist(), EOS]
            for n in range(num_pairs)
        ]
        for length in (9, 12)
    ]
    pairs = EncodedPairs(*(EncodedLines.of(side) for side in sides)).to(device)
    return CorpusUpdates(pairs, SETTINGS, device, Processes())


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("variant", VARIANTS, ids=label)
def test_a_static_update_has_the_loss_and_gradients_of_the_dynamic_one(
    variant: tuple[str, dict[str, Any]], fast: bool
) -> None:
    torch.manual_seed(1)
    ops = Ops(fast=fast)
    objective = Objective(tiny(*variant, ops).eval(), label_smoothing=0.1, ops=ops)
    updates = corpus_updates()
    static = StaticBatches(updates.pairs, max_source_length=objective.model.max_source_length)
    for position, rows in enumerate(static.rows(updates.epoch(0))[:3]):
        results = []
        for share in (updates.share(0, position, 1), static_share(static.batch(rows))):
            loss = accumulate(objective, share)
            gradients = [torch.zeros(1) if weight.grad is None else weight.grad for weight in objective.parameters()]
            results.append([loss, *gradients])
            objective.zero_grad()
        torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)


def trained(
    device: torch.device,
    steps: int,
    record: Callable[[Any], Any] | None,
    ops: Ops = FAST,
    captures: bool = True,
) -> Run:
    """(losses and gradient norms, final parameters, notices) of a run with dropout."""
    torch.manual_seed(1)
    notices: list[str] = []
    with device:
        model = tiny("transformer", {"model": {"dropout": 0.3}}, ops)
    objective = Objective(model, label_smoothing=0.1, ops=ops, notify=notices.append)
    settings = SETTINGS.model_copy(update={"steps": steps})
    optimizer, updates = build_optimizer(model, settings), corpus_updates(device)
    updates.static = static = StaticBatches(updates.pairs)
    captured = None
    if captures:
        captured = CapturedUpdates(objective, updates, optimizer, static=static, clip_norm=1.0, record=record)
    outcomes = train(
        objective,
        updates,
        optimizer,
        settings.learning_rate_at,
        settings=settings,
        progress=Progress(),
        replay=None if captured is None else captured.replay,
    )
    reports = [outcome.read() for outcome in outcomes]
    assert captured is None or notices or captured.graphs
    numbers = [number for report in reports for number in (report.loss, report.gradient_norm)]
    return numbers, [parameter.detach().cpu() for parameter in model.parameters()], notices


def call_later(work: Callable[[], None]) -> Callable[[], None]:
    """Replaces a recorded graph."""
    return work


def fail(*_: object) -> Any:
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


def test_captured_updates_equal_uncaptured_ones() -> None:
    """To rounding: the learning rate is a float32 tensor in one and a Python number in the other."""
    assert_same_runs(trained(CPU, 60, call_later), trained(CPU, 60, None, captures=False), tolerance=1e-5)


@pytest.mark.parametrize("place", ["record", "replay", "result"])
def test_a_capture_that_fails_is_reported_once_and_changes_nothing(place: str) -> None:
    def record(work: Callable[[], None]) -> Callable[[], None]:
        def replay() -> None:
            work()
            torch.rand(1)
            for cell in work.__closure__ or ():
                if place == "result" and isinstance(cell.cell_contents, CapturedUpdates):
                    cell.cell_contents.number_2.mul_(1.01)
            if place == "replay":
                fail()

        return fail() if place == "record" else replay

    found = trained(CPU, 60, record)
    assert_same_runs(found, trained(CPU, 60, None, captures=False), tolerance=0.0)
    (notice,) = found[2]
    assert notice.startswith("ops.capture: training continues without CUDA graphs (")
    assert ("not permitted" in notice) is (place != "result")


def assert_same_runs(found: Run, expected: Run, *, tolerance: float) -> None:
    torch.testing.assert_close(torch.tensor(found[0]), torch.tensor(expected[0]), rtol=tolerance, atol=0.0)
    torch.testing.assert_close(found[1], expected[1], rtol=10 * tolerance, atol=tolerance)


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_200_updates_replayed_as_cuda_graphs_equal_uncaptured_ones(dtype: torch.dtype) -> None:
    gpu, ops = torch.device("cuda"), Ops(fast=True, product_dtype=dtype)
    expected = trained(gpu, 200, None, ops, captures=False)
    found = trained(gpu, 200, None, ops)
    assert found[2] == []
    assert_same_runs(found, expected, tolerance=1e-3 if dtype == torch.float32 else 1e-2)


@needs_gpu
def test_training_continues_after_a_recording_that_cuda_refuses() -> None:
    """The update waits for the device, which no graph can hold; dropout draws from a generator that was being recorded."""
    gpu = torch.device("cuda")

    def record(work: Callable[[], None]) -> Callable[[], None]:
        def wait_and_work() -> None:
            work()
            torch.ones(1, device=gpu).item()

        return _CudaRecorder(torch.optim.SGD([torch.zeros(1, device=gpu)]))(wait_and_work)

    found = trained(gpu, 60, record)
    assert_same_runs(found, trained(gpu, 60, None, captures=False), tolerance=1e-3)
    assert len(found[2]) == 1


@needs_gpu
def test_a_captured_run_that_was_stopped_and_resumed_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    losses, ops = [], Ops(fast=True)
    for stops in (False, True):
        torch.manual_seed(1)
        found: list[float] = []
        progress, checkpoint = Progress(), None
        for steps in (40, 90) if stops else (90,):
            with torch.device("cuda"):
                model = tiny("transformer", {"model": {"dropout": 0.3}}, ops)
            objective, settings = (
                Objective(model, label_smoothing=0.1, ops=ops),
                SETTINGS.model_copy(update={"steps": steps}),
            )
            optimizer, updates = build_optimizer(model, settings), corpus_updates(torch.device("cuda"))
            captured = CapturedUpdates(
                objective, updates, optimizer, static=StaticBatches(updates.pairs), clip_norm=1.0
            )
            if checkpoint is not None:
                progress = restore_checkpoint(checkpoint, model, optimizer).progress
            outcomes = train(
                objective,
                updates,
                optimizer,
                settings.learning_rate_at,
                settings=settings,
                progress=progress,
                replay=captured.replay,
            )
            found += [outcome.read().loss for outcome in outcomes]
            assert captured.graphs
            checkpoint = save_checkpoint(
                tmp_path / str(stops), model, optimizer, CheckpointRecord(progress, None, False, {})
            )
        losses.append(found)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
