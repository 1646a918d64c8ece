"""Compiled training equals plain training up to rounding, resumes after a stop, and compiles once for all shapes."""

from pathlib import Path

import pytest
import torch

from tests.tiny import tiny
from translator.ops import linear
from translator.ops.choice import Ops
from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.tokenizer import EOS
from translator.training.checkpoint import CheckpointRecord, find_checkpoints, restore_checkpoint, save_checkpoint
from translator.training.loop import accumulate, build_optimizer, train
from translator.training.objective import Objective
from translator.training.processes import Processes
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(steps=9, batch_tokens=60, pool_sentences=40, accumulation=2)
PAIRS = EncodedPairs(
    *(EncodedLines.of([[4 + n % 3] * (n % length + 1) + [EOS] for n in range(40)]) for length in (5, 7))
)


def begin(compiles: bool, dtype: torch.dtype, notices: list[str], dropout: float) -> Objective:
    torch.manual_seed(1)
    ops = Ops(fast=True, product_dtype=dtype, compiles=compiles)
    layers = {"num_layers": 1}
    model = tiny("transformer", {"model": {"dropout": dropout}, "encoder": layers, "decoder": layers}, ops)
    return Objective(model, label_smoothing=0.1, ops=ops, notify=notices.append)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_gradients_equal_plain_ones_for_every_shape(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "LEAST_ROUNDED", 0)
    notices: list[str] = []
    updates = CorpusUpdates(PAIRS, SETTINGS, CPU, Processes())
    objectives = [begin(compiles, dtype, notices, dropout=0.0).train() for compiles in (False, True)]
    for position in range(updates.num_updates(0)):
        results = []
        for objective in objectives:
            loss = accumulate(objective, updates.share(0, position, 1))
            results.append([loss, *(weight.grad for weight in objective.parameters())])
            objective.zero_grad()
        for found, expected in zip(results[1], results[0], strict=True):
            tolerance = 1e-4 if dtype == torch.float32 else 2e-2
            assert (found - expected).norm() <= tolerance * max(expected.norm(), 1e-3)
    assert len(notices) == 1
    assert notices[0].startswith("compiling")


def test_stopping_and_resuming_a_compiled_run_changes_it_by_rounding_only(tmp_path: Path) -> None:
    losses = []
    for stops in (False, True):
        notices: list[str] = []
        objective, progress = begin(True, torch.float32, notices, dropout=0.3), Progress()
        optimizer, updates = (
            build_optimizer(objective.model, SETTINGS),
            CorpusUpdates(PAIRS, SETTINGS, CPU, Processes()),
        )
        found = []
        for steps in (4, 9) if stops else (9,):
            settings = SETTINGS.model_copy(update={"steps": steps})
            outcomes = train(objective, updates, optimizer, lambda _: 0.01, settings=settings, progress=progress)
            found += [outcome.read().loss for outcome in outcomes]
            save_checkpoint(
                tmp_path / str(stops), objective.model, optimizer, CheckpointRecord(progress, None, False, {})
            )
            if steps == 4:
                torch._dynamo.reset()
                objective = begin(True, torch.float32, notices, dropout=0.3)
                optimizer = build_optimizer(objective.model, SETTINGS)
                (checkpoint,) = find_checkpoints(tmp_path / str(stops), pytest.fail)
                progress = restore_checkpoint(checkpoint, objective.model, optimizer).progress
        assert all(notice.startswith("compiling") for notice in notices)
        losses.append(found)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)  # the code depends on the batch that it was compiled for
