"""Several processes that train one model together, as `torchrun` starts them; one process is the plain case.

Each process holds the whole model, computes its share of every update and sums the gradients with the others. Only the
first one writes, validates and shows messages. What the processes agree on (numbers, endings, errors) is sent over the
CPU, so that no GPU is waited for.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

from translator.errors import MachineError

AnswerT = TypeVar("AnswerT")
_TIMEOUT = timedelta(hours=6)
"""How long to wait for the first process, which may be preparing a corpus or validating."""


@dataclass(frozen=True)
class Processes:
    """One of the processes that train together. All of them call every method, in the same order."""

    rank: int = 0
    size: int = 1
    restarted: bool = False  # by torchrun, because one of them had ended

    @property
    def is_first(self) -> bool:
        """Whether this process writes and shows messages."""
        return self.rank == 0

    def first(self, work: Callable[[], AnswerT]) -> AnswerT:
        """Let the first process do some work while the others wait; all return its answer, which must be JSON.

        If the work fails, the other processes exit silently with the same exit code.
        """
        if self.size == 1:
            return work()
        if not self.is_first:
            received: AnswerT = self._receive()
            return received
        try:
            answer = work()
        except BaseException as error:
            self._send(getattr(error, "exit_code", 1), b"")
            raise
        self._send(0, json.dumps(answer).encode())
        return answer

    def first_then_others(self, work: Callable[[], AnswerT]) -> AnswerT:
        """Do the same work in each process, in the first one before the others, which find its files on the disk."""
        answers: list[AnswerT] = []
        self.first(lambda: answers.append(work()))
        return answers[0] if answers else work()

    def _send(self, exit_code: int, message: bytes) -> None:
        """Broadcast an exit code and a message to the other processes."""
        with _peer_errors():
            distributed.broadcast(torch.tensor([exit_code, len(message)]), 0)
            distributed.broadcast(torch.frombuffer(bytearray(message or b" "), dtype=torch.uint8), 0)

    def _receive(self) -> Any:
        """Wait for the answer of the first process; exit with its exit code if it failed."""
        header = torch.zeros(2, dtype=torch.int64)
        with _peer_errors():
            distributed.broadcast(header, 0)
            message = torch.zeros(max(int(header[1]), 1), dtype=torch.uint8)
            distributed.broadcast(message, 0)
        if header[0]:
            raise SystemExit(int(header[0]))
        return json.loads(bytes(message.tolist()))

    def largest(self, number: float) -> float:
        """Return the largest of the numbers of all processes."""
        if self.size == 1:
            return number
        tensor = torch.tensor(number, dtype=torch.float64)
        with _peer_errors():
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return tensor.item()

    def differ(self, number: float) -> bool:
        """Return whether any process has another number than the first one."""
        return self.largest(number != self.first(lambda: number)) > 0

    def sum_gradients(self, loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """Replace each gradient by its sum over all processes; returns the sum of the losses.

        Everything is packed into one tensor, because a message costs more than its bytes.
        """
        if self.size == 1:
            return loss
        gradients = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in parameters
        ]
        flat = torch.cat([loss.to(gradients[0].dtype).view(1), *(gradient.flatten() for gradient in gradients)])
        with _peer_errors():
            distributed.all_reduce(flat)
        sums = torch.split(flat[1:], [gradient.numel() for gradient in gradients])
        for parameter, total in zip(parameters, sums, strict=True):
            parameter.grad = total.view_as(parameter)
        return flat[0]

    def separate_draws(self, shared: Sequence[Tensor], seed: int, step: int) -> None:
        """Before an update: copy the model's random buffers to all processes, then seed each process differently.

        The seed of the others follows from (seed, step, rank), so only the first process has a generator to save.
        """
        if self.size == 1:
            return
        with _peer_errors():
            for tensor in shared:
                distributed.broadcast(tensor.detach(), 0)
        if not self.is_first:
            mixed = np.random.SeedSequence((seed, step, self.rank)).generate_state(1, np.uint64)
            torch.manual_seed(int(mixed[0]))


@contextmanager
def _peer_errors() -> Iterator[None]:
    """Turn the library's error about a process that has ended into a MachineError."""
    try:
        yield
    except RuntimeError as error:
        problem = f"another process of this run has ended ({str(error).splitlines()[0]})"
        raise MachineError("torchrun", problem, "see its own message; run the same command again to resume") from error


@contextmanager
def join_processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, each GPU with one of them; without torchrun, there is only this one."""
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        yield Processes(restarted=restarts > 0)
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _peer_errors():
        store, rank, size = next(rendezvous("env://"))
        # torchrun may keep its store over restarts, with the addresses of processes that have ended
        store = PrefixStore(f"attempt {restarts}", store)
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_TIMEOUT)
    yield Processes(rank, size, restarts > 0)
    distributed.destroy_process_group()
