"""Accumulation equals one big batch, and stopping and resuming equals not stopping."""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby, pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tiny import VOCAB_SIZE, tiny
from translator.errors import MachineError
from translator.models import MODELS
from translator.models.interface import AnyModel
from translator.ops.choice import Ops
from translator.ops.threads import Workers
from translator.text.batches import Batch, EncodedLines, EncodedPairs
from translator.text.subword_sampling import Segmenter, SubwordSampler
from translator.text.tokenizer import EOS, PAD
from translator.training.checkpoint import CheckpointRecord, find_checkpoints, restore_checkpoint, save_checkpoint
from translator.training.loop import (
    accumulate,
    average_parameters,
    build_optimizer,
    mean_cross_entropy,
    perplexity,
    train,
)
from translator.training.objective import Objective
from translator.training.optimizers import OPTIMIZERS, MovingAverage
from translator.training.processes import Processes
from translator.training.progress import Progress, Report, count_update
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates

ALONE = Processes()
SETTINGS = TrainingSettings(steps=9, learning_rate=0.01, schedule="constant", label_smoothing=0.1)


def corpus_updates(accumulation: int = 1, processes: Processes = ALONE) -> CorpusUpdates:
    """A corpus of 20 short pairs, cut as the program cuts it."""
    sides = [[[4 + n % 3] * (n % length + 1) + [EOS] for n in range(20)] for length in (5, 7)]
    settings = SETTINGS.model_copy(update={"batch_tokens": 30, "pool_sentences": 20, "accumulation": accumulation})
    return CorpusUpdates(
        EncodedPairs(*(EncodedLines.of(side) for side in sides)), settings, torch.device("cpu"), processes
    )


def begin(
    name: str, *, seed: int = 1, changes: Mapping[str, Mapping[str, Any]] = {}, settings: TrainingSettings = SETTINGS
) -> tuple[Objective, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = tiny(name, changes)
    return Objective(model, label_smoothing=0.1, ops=Ops()), build_optimizer(model, settings)


def run(
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    steps: int,
    progress: Progress,
    updates: CorpusUpdates,
    average: MovingAverage | None = None,
) -> list[Report]:
    settings = SETTINGS.model_copy(update={"steps": steps})
    outcomes = train(
        objective, updates, optimizer, lambda step: 0.01 / step, settings=settings, progress=progress, average=average
    )
    return [outcome.read() for outcome in outcomes]


def moments(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    states = optimizer.state_dict()["state"]
    return [tensor for state in states.values() for tensor in state.values()]


def numbers(model: AnyModel) -> list[list[float]]:
    return [weight.flatten().tolist() for weight in model.parameters()]


@pytest.mark.parametrize("name", MODELS)
def test_accumulated_gradients_are_those_of_one_big_batch(name: str) -> None:
    objective, _ = begin(name)
    objective.eval()
    gradients, losses = [], []
    for parts in (1, 3):
        objective.zero_grad()
        losses.append(accumulate(objective, corpus_updates(parts).share(0, 0, 1)).item())
        gradients.append([weight.grad for weight in objective.parameters()])
    assert losses[0] == pytest.approx(losses[1])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", MODELS)
def test_parallel_parts_have_the_gradients_of_sequential_parts(name: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    gradients = []
    for workers in (None, Workers()):
        objective, _ = begin(name)
        objective.eval()
        objective.workers = workers
        accumulate(objective, corpus_updates(3).share(0, 0, 1 if workers is None else workers.size))
        gradients.append([weight.grad for weight in objective.parameters()])
    torch.set_num_threads(threads)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("stop", [0, 1, 4, 5, 8])
@pytest.mark.parametrize("name", MODELS)
def test_stopping_and_resuming_equals_never_stopping(name: str, stop: int, accumulation: int, tmp_path: Path) -> None:
    objective, optimizer = begin(name)
    whole = run(objective, optimizer, 9, Progress(), corpus_updates(accumulation))

    first, first_optimizer = begin(name)
    progress = Progress()
    before = run(first, first_optimizer, stop, progress, corpus_updates(accumulation))
    save_checkpoint(tmp_path, first.model, first_optimizer, CheckpointRecord(progress, None, False, {}))

    second, second_optimizer = begin(name, seed=2)
    (checkpoint,) = find_checkpoints(tmp_path, pytest.fail)
    restored = restore_checkpoint(checkpoint, second.model, second_optimizer).progress
    after = run(second, second_optimizer, 9, restored, corpus_updates(accumulation))
    facts = [(report.step, report.epoch, report.loss.hex(), report.gradient_norm.hex()) for report in whole]
    assert [
        (report.step, report.epoch, report.loss.hex(), report.gradient_norm.hex()) for report in before + after
    ] == facts
    assert numbers(second.model) == numbers(objective.model)


class FaultyObjective(Objective):
    """An objective whose chosen calls fail."""

    def __init__(self, inner: Objective, spoil: Callable[[int, Batch, Tensor], Tensor]) -> None:
        super().__init__(inner.model, label_smoothing=inner.label_smoothing, ops=inner.ops)
        self.spoil, self.calls = spoil, 0

    def forward(self, batch: Batch) -> Tensor:
        loss = super().forward(batch)
        self.calls += 1
        return self.spoil(self.calls, batch, loss)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_an_update_that_is_not_finite_changes_nothing_but_the_step(name: str, optimizer_name: str, bad: float) -> None:
    objective, optimizer = begin(name, settings=SETTINGS.model_copy(update={"optimizer": optimizer_name}))
    progress = Progress()
    run(objective, optimizer, 3, progress, corpus_updates())
    before = numbers(objective.model), [state.clone() for state in moments(optimizer)]
    faulty = FaultyObjective(objective, lambda call, batch, loss: loss * bad)
    (report,) = run(faulty, optimizer, 4, progress, corpus_updates())
    assert report.skipped
    assert numbers(objective.model) == before[0]
    assert all(torch.equal(moment, old) for moment, old in zip(moments(optimizer), before[1], strict=True))
    assert not run(objective, optimizer, 5, progress, corpus_updates())[0].skipped


def test_only_the_update_with_the_bad_gradient_is_skipped() -> None:
    objective, optimizer = begin("transformer")
    faulty = FaultyObjective(objective, lambda call, batch, loss: loss * float("nan") if call == 4 else loss)
    reports, progress = run(faulty, optimizer, 9, Progress(), corpus_updates()), Progress()
    notices = [count_update(report, progress) for report in reports]
    assert [report.step for report in reports if report.skipped] == [4]
    assert progress.skipped == 1
    assert notices[3] == "step 4: loss or gradient not finite, update skipped (1 so far)"


OUT_OF_MEMORY = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory")]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_if_memory_runs_out_the_same_update_is_computed_in_smaller_parts(error: Exception) -> None:
    def spoil(_: int, batch: Batch, loss: Tensor) -> Tensor:
        if len(batch.sentence_B) > 2:
            raise error
        return loss

    weights, losses = [], []
    for fits in (True, False):
        plain, optimizer = begin("transformer", changes={"model": {"dropout": 0.0}})
        objective = plain if fits else FaultyObjective(plain, spoil)
        progress = Progress()
        losses.append([report.loss for report in run(objective, optimizer, 3, progress, corpus_updates())])
        weights.append([weight.detach() for weight in objective.parameters()])
        assert (progress.parts == 1) is fits
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_a_pair_that_does_not_fit_into_memory_ends_training() -> None:
    def spoil(_: int, batch: Batch, loss: Tensor) -> Tensor:
        raise MemoryError

    objective, optimizer = begin("transformer")
    with pytest.raises(
        MachineError, match=r"step 1: out of memory with one sentence pair.*lower training\.batch_tokens"
    ):
        run(FaultyObjective(objective, spoil), optimizer, 3, Progress(), corpus_updates())


@pytest.mark.parametrize("size", [2, 3, 30])
def test_the_shares_of_all_processes_make_up_the_update(size: int) -> None:
    whole = corpus_updates()
    for position in range(whole.num_updates(0)):
        shares = [corpus_updates(2, Processes(rank, size)).share(0, position, 1) for rank in range(size)]
        found = [int(number) for share in shares for batch in share.batches for number in batch.sentence_B]
        assert sorted(found) == sorted(whole.epoch(0)[position].tolist())
        assert {share.num_tokens for share in shares} == {whole.share(0, position, 1).batches[0].num_tokens}


def test_training_ends_after_max_minutes() -> None:
    objective, optimizer = begin("transformer")
    settings = SETTINGS.model_copy(update={"max_minutes": 1.0})
    progress = Progress(step=1, seconds=60.0)
    assert not list(train(objective, corpus_updates(), optimizer, lambda _: 0.01, settings=settings, progress=progress))


def test_the_mean_cross_entropy_does_not_depend_on_the_batches() -> None:
    objective, _ = begin("transformer")
    objective.eval()
    batches = corpus_updates(3).share(0, 0, 1).batches
    total = sum(objective(batch).item() for batch in batches)
    tokens = sum(batch.num_tokens for batch in batches)
    assert mean_cross_entropy(objective, iter(batches)) == pytest.approx(total / tokens)


@pytest.mark.parametrize("name", ["recurrent", "transformer"])
def test_validation_measures_the_cross_entropy_without_label_smoothing(name: str) -> None:
    objective, _ = begin(name)
    objective.label_smoothing = 0.5
    (batch,) = corpus_updates().share(0, 0, 1).batches
    measured = mean_cross_entropy(objective, iter([batch]))
    hidden_BTD = objective.model(batch.source_BS, batch.mask_BS, batch.previous_BT)
    log_prob_BTV = objective.model.output.logits(hidden_BTD).log_softmax(-1)
    is_real_BT = batch.target_BT != PAD
    expected = -log_prob_BTV.gather(2, batch.target_BT.unsqueeze(2)).squeeze(2)[is_real_BT].mean()
    assert measured == pytest.approx(expected.item(), rel=1e-3)
    objective.train()
    assert objective(batch).item() / batch.num_tokens != pytest.approx(measured, rel=1e-2)


def test_the_perplexity_of_a_uniform_distribution_is_the_number_of_tokens() -> None:
    assert perplexity(math.log(1000)) == pytest.approx(1000)
    assert math.isnan(perplexity(math.nan))
    assert perplexity(800.0) == math.inf


def test_an_average_is_the_mean_of_the_parameters() -> None:
    weights = [{"w": torch.full((2,), float(n))} for n in (1, 2, 6)]
    assert average_parameters(weights)["w"].tolist() == [3.0, 3.0]


def test_integers_are_not_averaged() -> None:
    seeds = [{"seed": torch.tensor(2**61 + n)} for n in range(3)]
    assert average_parameters(seeds)["seed"].item() == 2**61 + 2


class Doubling(Segmenter[tuple[int, ...]]):
    """Repeats some tokens."""

    def __init__(self) -> None:
        self.is_start = [True] * VOCAB_SIZE
        self._words, self._num_cached = {}, 0

    def read(self, best: tuple[int, ...]) -> tuple[int, ...]:
        return best

    def draw(self, word: tuple[int, ...], generator: Random) -> tuple[int, ...]:
        return word * generator.randint(1, 2)


def sampled_updates(pool_sentences: int) -> CorpusUpdates:
    settings = SETTINGS.model_copy(update={"batch_tokens": 30, "pool_sentences": pool_sentences})
    sampler = SubwordSampler(Doubling(), Doubling(), seed=1)
    return CorpusUpdates(corpus_updates().pairs, settings, torch.device("cpu"), ALONE, sampler=sampler)


@pytest.mark.parametrize("pool_sentences", [1, 20, 1000])
def test_sampled_updates_depend_on_seed_epoch_and_position_only(pool_sentences: int) -> None:
    one, other = sampled_updates(pool_sentences), sampled_updates(pool_sentences)
    one.share(3, 1, 1)
    for position in reversed(range(one.num_updates(4))):
        assert one.share(4, position, 1).num_tokens == one.num_tokens(4, position)
        (found,), (expected,) = (updates.share(4, position, 1).batches for updates in (other, one))
        assert torch.equal(found.target_BT, expected.target_BT)
        assert torch.equal(found.source_BS, expected.source_BS)
        other.share(4, 0, 1)


def distinct(target: Tensor) -> list[int]:
    """Return the tokens of a padded sentence without repetitions and padding."""
    return [token for token, _ in groupby(target[target != PAD].tolist())]


@pytest.mark.parametrize("pool_sentences", [1, 20, 1000])
def test_an_epoch_of_sampled_updates_has_every_pair_once(pool_sentences: int) -> None:
    updates, plain = sampled_updates(pool_sentences), corpus_updates().pairs
    assert updates.num_updates(2) > 3
    numbers_of_all = []
    for position in range(updates.num_updates(2)):
        numbers = updates.sentences(2, position)
        numbers_of_all += numbers.tolist()
        (batch,) = updates.share(2, position, 1).batches
        best, _ = plain.target.padded(numbers)
        # Doubling only repeats tokens, and `share` reorders the sentences of an update.
        assert sorted(map(distinct, batch.target_BT)) == sorted(map(distinct, best))
    assert sorted(numbers_of_all) == list(range(plain.num_pairs))


def test_sampled_updates_have_pairs_of_similar_new_lengths() -> None:
    lines = EncodedLines.of([[5] * (n % 12 + 1) + [EOS] for n in range(400)])
    pairs, settings = EncodedPairs(lines, lines), SETTINGS.model_copy(update={"batch_tokens": 100})
    sampler = SubwordSampler(Doubling(), Doubling(), seed=1)
    updates = CorpusUpdates(pairs, settings, torch.device("cpu"), ALONE, sampler=sampler)

    def padding(targets: Iterable[EncodedLines]) -> float:
        lengths = [np.diff(target.offsets) for target in targets]
        return sum(len(each) * int(each.max()) for each in lengths) / sum(int(each.sum()) for each in lengths) - 1

    batches = [updates.share(0, position, 1).batches[0] for position in range(updates.num_updates(0))]
    found = sum(batch.target_BT.numel() for batch in batches) / sum(batch.num_tokens for batch in batches) - 1
    assert found < 0.3 * padding(sampler.sample(pairs, sentences, 0).target for sentences in updates.epoch(0))


BOTH = SETTINGS.model_copy(update={"both_directions": 4, "batch_tokens": 30, "pool_sentences": 20, "steps": 9})


def both_directions_updates() -> CorpusUpdates:
    return CorpusUpdates(corpus_updates().pairs, BOTH, torch.device("cpu"), ALONE)


def test_an_epoch_in_both_directions_has_every_pair_in_each_direction() -> None:
    updates, pairs = both_directions_updates(), corpus_updates().pairs
    updates.choose_directions(both=True)
    found = [
        (source[mask].tolist(), target[: target.tolist().index(EOS) + 1].tolist())
        for position in range(updates.num_updates(0))
        for batch in updates.share(0, position, 1).batches
        for source, mask, target in zip(batch.source_BS, batch.mask_BS, batch.target_BT, strict=True)
    ]
    sides = [[side.tokens[first:last].tolist() for first, last in pairwise(side.offsets.tolist())] for side in pairs]
    one_direction = list(zip(*sides, strict=True))
    assert sorted(found) == sorted([*one_direction, *((target, source) for source, target in one_direction)])
    updates.choose_directions(both=False)
    assert updates.num_updates(0) == corpus_updates().num_updates(0)


def train_in_both_directions(stop: int | None, folder: Path) -> tuple[list[Report], list[list[float]], set[float]]:
    """Return the reports, the parameters and the step counts of the optimizer of a run that is stopped once, or never."""
    objective, optimizer = begin("transformer")
    progress, reports = Progress(), []
    for steps in filter(None, (stop, 9)):
        settings = BOTH.model_copy(update={"steps": steps})
        outcomes = train(
            objective, both_directions_updates(), optimizer, lambda _: 0.01, settings=settings, progress=progress
        )
        reports += [outcome.read() for outcome in outcomes]
        if steps == stop:
            record = CheckpointRecord(progress, None, False, {})
            checkpoint = save_checkpoint(folder, objective.model, optimizer, record)
            objective, optimizer = begin("transformer", seed=2)
            progress = restore_checkpoint(checkpoint, objective.model, optimizer).progress
    counts = {state["step"].item() for state in optimizer.state_dict()["state"].values()}
    return reports, numbers(objective.model), counts


@pytest.mark.parametrize("stop", [2, 4, 5])
def test_after_both_directions_training_starts_an_epoch_with_a_new_optimizer(stop: int, tmp_path: Path) -> None:
    reports, parameters, counts = train_in_both_directions(None, tmp_path)
    assert (reports[4].epoch, reports[4].position) == (reports[3].epoch + 1, 0)
    assert counts == {5.0}
    assert train_in_both_directions(stop, tmp_path)[1] == parameters


def test_the_updates_in_both_directions_have_a_schedule_of_their_own() -> None:
    settings = TrainingSettings(steps=30, both_directions=10, warmup_steps=5, schedule="linear", learning_rate=1.0)
    alone = [TrainingSettings(steps=steps, warmup_steps=5, schedule="linear", learning_rate=1.0) for steps in (10, 20)]
    expected = [alone[0].learning_rate_at(step) for step in range(1, 11)]
    expected += [alone[1].learning_rate_at(step) for step in range(1, 21)]
    assert [settings.learning_rate_at(step) for step in range(1, 31)] == expected
