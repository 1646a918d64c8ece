"""Consistency training without its divergence is plain training, and draws its masks from the run's generator."""

import pytest
import torch
from torch import Tensor

from tests.tiny import tiny
from translator.models import MODELS
from translator.ops.choice import Ops
from translator.ops.consistency import PairWeights
from translator.text.batches import Batch, EncodedLines, EncodedPairs
from translator.text.static_batches import StaticBatches
from translator.text.tokenizer import EOS
from translator.training.consistency import CONSISTENCIES, Consistency, rdrop, simcut
from translator.training.objective import Objective

WEIGHTS = PairWeights(0.7, 0.4, 3.0, 2.0)


def batch() -> Batch:
    sides = [[[4 + n % 3] * (n % length + 1) + [EOS] for n in range(6)] for length in (5, 3)]
    return EncodedPairs(*(EncodedLines.of(side) for side in sides)).batch(torch.arange(6).numpy())


def gradients(
    name: str, consistency: Consistency | None, *, times: int = 1, fast: bool = True, training: bool = True
) -> list[Tensor]:
    """Return the gradients of the mean loss of a batch that is computed `times` times, always with the same draws."""
    torch.manual_seed(0)
    changes = {"model": {"dropout": 0.3} if name == "transformer" else {}}
    objective = Objective(tiny(name, changes, Ops(fast)), label_smoothing=0.1, ops=Ops(fast), consistency=consistency)
    objective.train(training)
    torch.manual_seed(1)
    loss = torch.stack([objective(batch()) for _ in range(times)]).mean()
    return [loss, *torch.autograd.grad(loss, list(objective.parameters()))]


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_without_weight_simcut_is_plain_training(name: str, fast: bool) -> None:
    found, expected = (gradients(name, choice, fast=fast) for choice in (simcut(0.0, 0.05), None))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_without_weight_rdrop_is_plain_training_on_each_batch_twice(name: str, fast: bool) -> None:
    found = gradients(name, rdrop(0.0, 0.0), fast=fast)
    torch.testing.assert_close(found, gradients(name, None, times=2, fast=fast))


@pytest.mark.parametrize("name", ["rdrop", "simcut"])
def test_the_divergence_changes_loss_and_gradients_in_training_only(name: str) -> None:
    consistency = CONSISTENCIES[name](3.0, 0.3)
    loss, *_ = gradients("transformer", consistency)
    plain, *_ = gradients("transformer", CONSISTENCIES[name](0.0, 0.3))
    assert loss > plain
    assert torch.equal(*(gradients("transformer", choice, training=False)[0] for choice in (consistency, None)))


def test_simcut_hides_tokens_of_both_sides_from_the_second_view_only() -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    objective = Objective(tiny("transformer"), label_smoothing=0.1, ops=Ops(), consistency=simcut(3.0, 0.5))
    objective.model.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0], inputs[2])))
    torch.manual_seed(0)
    objective(batch())
    whole, (cut_source, cut_previous) = seen
    for ids, cut in zip(whole, (cut_source, cut_previous), strict=True):
        is_cut = cut != ids
        assert 0 < is_cut.sum() < is_cut.numel()
        assert not cut[is_cut].any()  # PAD is 0


def test_both_views_of_a_static_batch_have_the_loss_and_gradients_of_the_dynamic_one() -> None:
    torch.manual_seed(0)
    ops = Ops(fast=True)
    model = tiny("transformer", {"model": {"dropout": 0.0}}, ops)
    objective = Objective(model, label_smoothing=0.1, ops=ops, consistency=Consistency(WEIGHTS, 0.0))
    sides = [[[4 + n % 3] * (n % length + 1) + [EOS] for n in range(9)] for length in (5, 3)]
    pairs = EncodedPairs(*(EncodedLines.of(side) for side in sides))
    static = StaticBatches(pairs)
    (rows,) = static.rows([torch.arange(9).numpy()])
    results = []
    for one in (pairs.batch(torch.arange(9).numpy()), static.batch(rows)):
        loss = objective(one)
        results.append([loss, *torch.autograd.grad(loss, list(objective.parameters()))])
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)
