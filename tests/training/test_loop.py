"""Accumulation is one big batch; a training that stopped and went on is the training that did not stop."""

from pathlib import Path

import pytest
import torch

from tests.tiny import tiny
from translator.errors import NumericalError
from translator.models import MODELS
from translator.models.interface import AnyModel
from translator.ops.choice import Ops
from translator.text.batches import Batch, EncodedLines, EncodedPairs, TokenBatches
from translator.text.tokenizer import EOS
from translator.training.checkpoint import find_checkpoints, restore_checkpoint, save_checkpoint
from translator.training.loop import Progress, Report, accumulate, average_weights, build_optimizer, mean_loss, train
from translator.training.objective import Objective
from translator.training.settings import TrainingSettings

SETTINGS = TrainingSettings(steps=9, learning_rate=0.01, schedule="constant", label_smoothing=0.1)


class Updates:
    """A corpus of 20 short pairs, cut as the program cuts it."""

    def __init__(self, accumulation: int = 1) -> None:
        sides = [[[4 + n % 3] * (n % length + 1) + [EOS] for n in range(20)] for length in (5, 7)]
        self.batches = TokenBatches(
            EncodedPairs(*(EncodedLines.of(side) for side in sides)), batch_tokens=30, pool_size=20, seed=1
        )
        self.accumulation = accumulation

    def num_updates(self, epoch: int) -> int:
        return len(self.batches.epoch(epoch))

    def update(self, epoch: int, position: int) -> list[Batch]:
        sentences = self.batches.epoch(epoch)[position]
        return [self.batches.batch(part) for part in self.batches.split(sentences, self.accumulation)]


def begin(name: str, *, seed: int = 1) -> tuple[Objective, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = tiny(name)
    return Objective(model, label_smoothing=0.1, ops=Ops()), build_optimizer(model, SETTINGS)


def run(
    objective: Objective, optimizer: torch.optim.Optimizer, steps: int, progress: Progress, updates: Updates
) -> list[Report]:
    settings = SETTINGS.model_copy(update={"steps": steps})
    return list(train(objective, updates, optimizer, lambda _: 0.01, settings=settings, progress=progress))


def numbers(model: AnyModel) -> list[list[float]]:
    return [weight.flatten().tolist() for weight in model.parameters()]


@pytest.mark.parametrize("name", MODELS)
def test_accumulated_gradients_are_those_of_one_big_batch(name: str) -> None:
    objective, _ = begin(name)
    objective.eval()
    gradients, losses = [], []
    for parts in (1, 3):
        objective.zero_grad()
        losses.append(accumulate(objective, Updates(parts).update(0, 0)))
        gradients.append([weight.grad for weight in objective.parameters()])
    assert losses[0] == pytest.approx(losses[1])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("stop", [0, 1, 4, 5, 8])
@pytest.mark.parametrize("name", MODELS)
def test_stopping_and_going_on_equals_never_stopping(name: str, stop: int, accumulation: int, tmp_path: Path) -> None:
    objective, optimizer = begin(name)
    whole = run(objective, optimizer, 9, Progress(), Updates(accumulation))

    first, first_optimizer = begin(name)
    progress = Progress()
    before = run(first, first_optimizer, stop, progress, Updates(accumulation))
    save_checkpoint(tmp_path, first.model, first_optimizer, progress=progress, bleu=None)

    second, second_optimizer = begin(name, seed=2)
    (checkpoint,) = find_checkpoints(tmp_path, pytest.fail)
    restored = restore_checkpoint(checkpoint, second.model, second_optimizer)
    after = run(second, second_optimizer, 9, restored, Updates(accumulation))
    facts = [(one.step, one.epoch, one.loss.hex(), one.gradient_norm.hex()) for one in whole]
    assert [(one.step, one.epoch, one.loss.hex(), one.gradient_norm.hex()) for one in before + after] == facts
    assert numbers(second.model) == numbers(objective.model)


def test_a_loss_that_is_no_number_ends_the_training_before_the_weights_change() -> None:
    objective, optimizer = begin("transformer")
    with torch.no_grad():
        next(iter(objective.parameters())).fill_(float("nan"))
    kept = objective.model.output.bias.clone()
    with pytest.raises(NumericalError, match=r"step 1: the loss is not finite \(learning rate 0\.01\)"):
        run(objective, optimizer, 9, Progress(), Updates())
    assert torch.equal(kept, objective.model.output.bias)


def test_a_training_ends_when_its_minutes_are_over() -> None:
    objective, optimizer = begin("transformer")
    settings = SETTINGS.model_copy(update={"max_minutes": 1.0})
    progress = Progress(seconds=60.0)
    assert not list(train(objective, Updates(), optimizer, lambda _: 0.01, settings=settings, progress=progress))


def test_the_mean_loss_does_not_depend_on_the_batches() -> None:
    objective, _ = begin("transformer")
    batches = Updates(3).update(0, 0)
    total = sum(objective(batch)[0].item() for batch in batches) if not objective.eval().training else 0.0
    tokens = sum(batch.num_tokens for batch in batches)
    assert mean_loss(objective, iter(batches)) == pytest.approx(total / tokens)


def test_an_average_is_the_mean_of_its_weights() -> None:
    weights = [{"w": torch.full((2,), float(n))} for n in (1, 2, 6)]
    assert average_weights(weights)["w"].tolist() == [3.0, 3.0]


def test_what_is_no_weight_is_not_averaged() -> None:
    seeds = [{"seed": torch.tensor(2**61 + n)} for n in range(3)]
    assert average_weights(seeds)["seed"].item() == 2**61 + 2
