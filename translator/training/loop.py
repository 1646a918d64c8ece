"""The training loop, as a generator: it yields an outcome an update and leaves logging, saving and stopping to its caller."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from translator.errors import MachineError, is_out_of_memory
from translator.text.batches import Batch
from translator.training.objective import Objective
from translator.training.processes import Processes
from translator.training.progress import Progress, Report, reason_to_end
from translator.training.settings import OPTIMIZERS, TrainingSettings
from translator.training.updates import CorpusUpdates, Share

Replay: TypeAlias = Callable[[int, int, float], Tensor | None]
"""From epoch, position and learning rate to (loss, gradient norm) of an update, if it has been recorded."""


class Outcome(NamedTuple):
    """What one update did; its numbers are still on the device, so that nobody waits for them."""

    report: Report  # without its numbers
    number_2: Tensor  # loss, gradient norm

    def read(self) -> Report:
        """The whole report; waits for the device."""
        loss, norm = self.number_2.tolist()
        skipped = not (math.isfinite(loss) and math.isfinite(norm))
        return self.report._replace(loss=loss, gradient_norm=norm, skipped=skipped)


def train(
    objective: Objective,
    updates: CorpusUpdates,
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], float],
    *,
    settings: TrainingSettings,
    progress: Progress,
    processes: Processes = Processes(),  # noqa: B008 - a value, and the plain case
    replay: Replay | None = None,
) -> Iterator[Outcome]:
    """Train from `progress` on, update by update, until there is a reason to end.

    `replay` runs an update that has been recorded (see `capture.py`), or returns None.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    fixed = [weight for weight in objective.parameters() if not weight.requires_grad]
    while reason_to_end(settings, progress) is None:
        began, step = time.monotonic(), progress.step + 1
        objective.train()
        objective.model.begin_update(step)
        processes.draw_apart(fixed, settings.seed, step)
        epoch, position, learning_rate = progress.epoch, progress.position, schedule(step)
        number_2 = replay(epoch, position, learning_rate) if replay is not None and progress.parts == 1 else None
        if number_2 is None:
            loss = processes.add_up(accumulate_in_memory(objective, updates, progress), weights)
            norm = apply(optimizer, weights, loss, learning_rate=learning_rate, clip_norm=settings.clip_norm)
            number_2 = torch.stack((loss.double(), norm.double()))
        num_tokens = updates.num_tokens(epoch, position)
        seconds = processes.largest(time.monotonic() - began)
        count(progress, updates, num_tokens, seconds)
        report = Report(step, epoch, position, math.nan, num_tokens, learning_rate, math.nan, False, seconds)
        yield Outcome(report, number_2)


def accumulate_in_memory(objective: Objective, updates: CorpusUpdates, progress: Progress) -> Tensor:
    """The gradients of the next update, for good in twice as many parts whenever memory runs out.

    Where a compiled objective fails, it is the plain one from then on, which begins this update anew.

    Returns this process's part of the mean loss. Raises MachineError if a single pair is too much.
    """
    restore_random = random_state(objective.model.output.weight.device)
    while True:
        num_workers = 1 if objective.workers is None else objective.workers.size
        share = updates.share(progress.epoch, progress.position, progress.parts * num_workers)
        try:
            return accumulate(objective, share)
        except (RuntimeError, MemoryError) as error:
            runs_out = is_out_of_memory(error)
            if not (runs_out or objective.gives_up_compiling(error)):
                raise
            if runs_out and all(len(batch.sentence_B) == 1 for batch in share.batches):
                raise too_large(progress, share) from error
        objective.zero_grad()  # only here, past the handler, is nothing of the failed try alive
        restore_random()
        progress.parts *= 2 if runs_out else 1


def random_state(device: torch.device) -> Callable[[], None]:
    """What puts the generators that a model on this device draws from back to where they are now."""
    state, state_there = torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore() -> None:
        torch.set_rng_state(state)
        if state_there is not None:
            torch.cuda.set_rng_state(state_there, device)

    return restore


def accumulate(objective: Objective, share: Share) -> Tensor:
    """Add up the gradients of the update's mean loss over the micro-batches; returns their part of that mean."""
    weights = [weight for weight in objective.parameters() if weight.requires_grad]
    total = torch.zeros((), dtype=torch.float64, device=objective.model.output.weight.device)

    def part(batch: Batch) -> tuple[Tensor, Sequence[Tensor | None]]:
        loss_sum = objective(batch)
        return loss_sum.detach(), torch.autograd.grad(loss_sum / share.num_tokens, weights, allow_unused=True)

    workers = objective.workers
    results = map(part, share.batches) if workers is None else workers.map_seeded(part, share.batches)
    for loss, gradients in results:
        total += loss
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
    return total / share.num_tokens


def apply(
    optimizer: torch.optim.Optimizer,
    weights: list[Tensor],
    loss: Tensor,
    *,
    learning_rate: float | Tensor,
    clip_norm: float,
) -> Tensor:
    """Clip, update, forget the gradients; returns the gradient's norm before clipping.

    Where loss or norm are not finite the optimizer leaves weights, moments and counts as they were. It is told on the
    device, through the attribute that the library's own gradient scaler uses, so nobody waits for the answer.
    """
    norm = nn.utils.clip_grad_norm_(weights, clip_norm or math.inf)
    optimizer.found_inf = (~(norm.isfinite() & loss.isfinite())).float()  # type: ignore[attr-defined]
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()
    return norm


def count(progress: Progress, updates: CorpusUpdates, num_tokens: int, seconds: float) -> None:
    """One update more."""
    progress.step += 1
    progress.position += 1
    progress.num_tokens += num_tokens
    progress.seconds += seconds
    if progress.position == updates.num_updates(progress.epoch):
        progress.epoch, progress.position = progress.epoch + 1, 0


def too_large(progress: Progress, share: Share) -> MachineError:
    """The error for a pair that does not fit by itself."""
    longest = max((batch.num_tokens for batch in share.batches), default=0)
    return MachineError(
        f"step {progress.step + 1}",
        f"out of memory with one sentence pair at a time (up to {longest:,} target tokens)",
        "lower training.batch_tokens, leave out long sentences or choose a smaller model; the last checkpoint is good",
    )


def build_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019), in the library's fused form."""
    return OPTIMIZERS[settings.optimizer](
        [weight for weight in model.parameters() if weight.requires_grad],
        lr=settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        weight_decay=settings.weight_decay,
        eps=1e-9,
        fused=True,
    )


@torch.no_grad()
def mean_loss(objective: Objective, batches: Iterator[Batch]) -> float:
    """Mean loss over the target tokens of all batches, in nats, without dropout."""
    objective.eval()
    total = torch.zeros((), dtype=torch.float64, device=objective.model.output.weight.device)
    num_tokens = 0
    for batch in batches:
        total, num_tokens = total + objective(batch), num_tokens + batch.num_tokens
    return total.item() / max(num_tokens, 1)


def average_parameters(weights: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each weight over several checkpoints, summed in fp64; of what is no weight (a seed), the last one."""
    return {
        name: torch.stack([other[name].double() for other in weights]).mean(0).to(last.dtype)
        if last.is_floating_point()
        else last
        for name, last in weights[-1].items()
    }
