"""Several processes that compute one training together, as `torchrun` starts them; one process is the plain case.

Each holds the whole model, takes its share of every update and adds up gradients with the others. The first alone
writes, validates and speaks. What they agree on (numbers, ends, errors) goes over the CPU, so that no GPU is waited for.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from translator.errors import MachineError

Answer = TypeVar("Answer")
LONGEST_WAIT = timedelta(hours=6)
"""For the first process, while it prepares a corpus or validates."""


@dataclass(frozen=True)
class Processes:
    """One process among those of its training. Every method is called by all of them, in the same order."""

    rank: int = 0
    size: int = 1
    restarted: bool = False  # by torchrun, because one of them was gone

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def first(self, work: Callable[[], Answer]) -> Answer:
        """Let the first process work while the others wait; all get its answer, which JSON must be able to say.

        Where its work fails, the others leave silently with the same exit code.
        """
        if self.size == 1:
            return work()
        if not self.is_first:
            heard: Answer = self._receive()
            return heard
        try:
            answer = work()
        except BaseException as error:
            self._send(getattr(error, "exit_code", 1), b"")
            raise
        self._send(0, json.dumps(answer).encode())
        return answer

    def first_then_others(self, work: Callable[[], Answer]) -> Answer:
        """The same work in each process, the first one before the others, which find on disk what it made."""
        made: list[Answer] = []
        self.first(lambda: made.append(work()))
        return made[0] if made else work()

    def _send(self, exit_code: int, message: bytes) -> None:
        """Broadcast an exit code and a message to the other processes."""
        with others_alive():
            distributed.broadcast(torch.tensor([exit_code, len(message)]), 0)
            distributed.broadcast(torch.frombuffer(bytearray(message or b" "), dtype=torch.uint8), 0)

    def _receive(self) -> Any:
        """Wait for the answer of the first process; exit with its code if it failed."""
        header = torch.zeros(2, dtype=torch.int64)
        with others_alive():
            distributed.broadcast(header, 0)
            message = torch.zeros(max(int(header[1]), 1), dtype=torch.uint8)
            distributed.broadcast(message, 0)
        if header[0]:
            raise SystemExit(int(header[0]))
        return json.loads(bytes(message.tolist()))

    def largest(self, number: float) -> float:
        """The largest of all processes' numbers."""
        if self.size == 1:
            return number
        found = torch.tensor(number, dtype=torch.float64)
        with others_alive():
            distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return found.item()

    def add_up(self, loss: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """Replace the weights' gradients by their sums over all processes, at once; returns the sum of the losses."""
        if self.size == 1:
            return loss
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in weights]
        flat = torch.cat([loss.to(gradients[0].dtype).view(1), *(one.flatten() for one in gradients)])
        with others_alive():
            distributed.all_reduce(flat)
        sums = torch.split(flat[1:], [one.numel() for one in gradients])
        for weight, total in zip(weights, sums, strict=True):
            weight.grad = total.view_as(weight)
        return flat[0]

    def draw_apart(self, shared: Sequence[Tensor], seed: int, step: int) -> None:
        """Before an update: what the first one has drawn for the model goes to all, then each draws for itself.

        The others' draws follow from (seed, step, rank), so only the first one's generator needs to be saved.
        """
        if self.size == 1:
            return
        with others_alive():
            for tensor in shared:
                distributed.broadcast(tensor.detach(), 0)
        if not self.is_first:
            torch.manual_seed(hash((seed, step, self.rank)))


@contextmanager
def others_alive() -> Iterator[None]:
    """Turn the library's error about a process that is gone into one for people."""
    try:
        yield
    except RuntimeError as error:
        problem = f"one of the training's processes is gone ({str(error).splitlines()[0]})"
        raise MachineError("torchrun", problem, "see its own message; started again, it goes on") from error


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """One process among those that `torchrun` started, each GPU with one of them; alone where it did not."""
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        yield Processes(restarted=restarts > 0)
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with others_alive():
        store, rank, size = next(rendezvous("env://"))
        # torchrun may keep its store over restarts, with the addresses of processes that are no more
        store = PrefixStore(f"attempt {restarts}", store)
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=LONGEST_WAIT)
    yield Processes(rank, size, restarts > 0)
    distributed.destroy_process_group()
