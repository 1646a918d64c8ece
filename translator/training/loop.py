"""The training loop, a generator: it yields the outcome of each update and leaves logging, saving and stopping to its caller."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from translator.errors import MachineError, is_out_of_memory
from translator.text.batches import Batch
from translator.training.objective import Objective
from translator.training.optimizers import OPTIMIZERS, MovingAverage, OptimizerOptions, forget
from translator.training.processes import Processes
from translator.training.progress import Progress, Report, reason_to_end
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates, Share

Replay: TypeAlias = Callable[[int, int, float], Tensor | None]
"""Maps epoch, position and learning rate to (loss, gradient norm) of a recorded update, or None if it is not recorded."""


class Outcome(NamedTuple):
    """What one update did. Its loss and norm are still on the device, so that the loop need not wait for them."""

    report: Report  # without loss and norm
    number_2: Tensor  # loss, gradient norm

    def read(self) -> Report:
        """Wait for the device and return the whole report."""
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
    average: MovingAverage | None = None,
) -> Iterator[Outcome]:
    """Train from `progress` on, update by update, until there is a reason to end; `average` follows the parameters.

    The first `both_directions` updates pretrain on the pairs in both directions (BiT, Ding et al. 2021). The others start with
    the next epoch and a new optimizer, as in the code of Gao et al. (2022).

    `replay` runs an update that has been recorded (see `capture.py`), or returns None.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    fixed = [parameter for parameter in objective.parameters() if not parameter.requires_grad]
    while reason_to_end(settings, progress) is None:
        began, step = time.monotonic(), progress.step + 1
        updates.choose_directions(both=step <= settings.both_directions)
        # Pretraining in both directions has just ended.
        if 0 < settings.both_directions == progress.step:
            forget(optimizer)
            progress.epoch, progress.position = progress.epoch + 1, 0
        objective.train()
        objective.model.begin_update(step)
        processes.separate_draws(fixed, settings.seed, step)
        epoch, position, learning_rate = progress.epoch, progress.position, schedule(step)
        number_2 = replay(epoch, position, learning_rate) if replay is not None and progress.parts == 1 else None
        if number_2 is None:
            loss = processes.sum_gradients(_accumulate_in_memory(objective, updates, progress), parameters)
            norm = apply(optimizer, parameters, loss, learning_rate=learning_rate, clip_norm=settings.clip_norm)
            number_2 = torch.stack((loss.double(), norm.double()))
        if average is not None:
            average.update(step)
        num_tokens = updates.num_tokens(epoch, position)
        seconds = processes.largest(time.monotonic() - began)
        progress.step, progress.position = step, position + 1
        progress.num_tokens += num_tokens
        progress.seconds += seconds
        if progress.position == updates.num_updates(epoch):
            progress.epoch, progress.position = epoch + 1, 0
        report = Report(step, epoch, position, math.nan, num_tokens, learning_rate, math.nan, False, seconds)
        yield Outcome(report, number_2)


def _accumulate_in_memory(objective: Objective, updates: CorpusUpdates, progress: Progress) -> Tensor:
    """Accumulate the gradients of the next update; returns this process's part of the mean loss.

    If memory runs out, this and all later updates are computed in twice as many parts. If a compiled model fails, this and
    all later updates use the uncompiled one. Raises MachineError if a single pair does not fit.
    """
    restore_random = random_state(objective.model.output.weight.device)
    while True:
        num_workers = 1 if objective.workers is None else objective.workers.size
        share = updates.share(progress.epoch, progress.position, progress.parts * num_workers)
        try:
            return accumulate(objective, share)
        except (RuntimeError, MemoryError) as error:
            ran_out = is_out_of_memory(error)
            if not (ran_out or objective.gives_up_compiling(error)):
                raise
            if ran_out and all(len(batch.sentence_B) == 1 for batch in share.batches):
                longest = max((batch.num_tokens for batch in share.batches), default=0)
                problem = f"out of memory with one sentence pair at a time (up to {longest:,} target tokens)"
                advice = "lower training.batch_tokens, leave out long sentences or choose a smaller model"
                place = f"step {progress.step + 1}"
                raise MachineError(place, problem, f"{advice}; the last checkpoint is intact") from error
        objective.zero_grad()  # outside the handler: the exception refers to the tensors of the failed attempt
        restore_random()
        if ran_out:
            progress.parts *= 2


def random_state(device: torch.device) -> Callable[[], None]:
    """Return a function that sets the random generators of the CPU and of this device back to their present states."""
    cpu_state = torch.get_rng_state()
    gpu_state = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore() -> None:
        torch.set_rng_state(cpu_state)
        if gpu_state is not None:
            torch.cuda.set_rng_state(gpu_state, device)

    return restore


def accumulate(objective: Objective, share: Share) -> Tensor:
    """Accumulate the gradients of the update's mean loss over the micro-batches; returns their part of that mean."""
    parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    total = torch.zeros((), dtype=torch.float64, device=objective.model.output.weight.device)

    def part(batch: Batch) -> tuple[Tensor, Sequence[Tensor | None]]:
        loss_sum = objective(batch)
        return loss_sum.detach(), torch.autograd.grad(loss_sum / share.num_tokens, parameters, allow_unused=True)

    workers = objective.workers
    results = map(part, share.batches) if workers is None else workers.map_seeded(part, share.batches)
    for loss, gradients in results:
        total += loss
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
    return total / share.num_tokens


def apply(
    optimizer: torch.optim.Optimizer,
    parameters: list[Tensor],
    loss: Tensor,
    *,
    learning_rate: float | Tensor,
    clip_norm: float,
) -> Tensor:
    """Clip the gradients, update the parameters and drop the gradients; returns the gradient norm before clipping.

    If loss or norm is not finite, the optimizer leaves parameters, moments and counts unchanged. It learns this on the
    device, through the attribute that `torch.amp.GradScaler` sets, so that the host does not wait.
    """
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm or math.inf)
    optimizer.found_inf = (~(norm.isfinite() & loss.isfinite())).float()  # type: ignore[attr-defined]
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()
    return norm


def build_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return a new optimizer for the parameters of a model."""
    betas = settings.adam_beta1, settings.adam_beta2
    options = OptimizerOptions(settings.learning_rate, betas, settings.weight_decay)
    return OPTIMIZERS[settings.optimizer](model, options)


@torch.no_grad()
def mean_cross_entropy(objective: Objective, batches: Iterator[Batch]) -> float:
    """Return the mean over the target tokens of all batches, in nats, without label smoothing and dropout."""
    objective.eval()
    total = torch.zeros((), dtype=torch.float64, device=objective.model.output.weight.device)
    num_tokens = 0
    for batch in batches:
        total, num_tokens = total + objective(batch), num_tokens + batch.num_tokens
    return total.item() / max(num_tokens, 1)


def perplexity(cross_entropy: float) -> float:
    """Return exp(cross_entropy), the number of equally probable tokens among which the model would be equally uncertain."""
    return math.inf if cross_entropy > 700 else math.exp(cross_entropy)  # exp(710) is too large for a float


def average_parameters(checkpoints: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each parameter over several checkpoints, summed in fp64; integers, such as a seed, are from the last."""
    return {
        name: torch.stack([parameters[name].double() for parameters in checkpoints]).mean(0).to(last.dtype)
        if last.is_floating_point()
        else last
        for name, last in checkpoints[-1].items()
    }
