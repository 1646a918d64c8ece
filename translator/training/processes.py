"""Several processes that train one model together, as `torchrun` starts them; one process is the plain case.

Each process holds the whole model, computes its share of every update and sums the gradients with the others. Only the
first one writes, validates and shows messages. What the processes agree on (numbers, endings, errors) is sent over the
CPU, so that no GPU is waited for.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

from translator.errors import MachineError, UsageError, first_line

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

AnswerT = TypeVar("AnswerT")
_TIMEOUT = timedelta(hours=6)
"""How long to wait for the first process, which may be preparing a corpus or validating."""
_MEETING_SECONDS = 300
"""How long to wait until all processes have started."""
_ANSWER_SECONDS = 5
"""How long to wait for an answer of the first process once its port is open."""


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
            # A tensor cannot be made from an empty buffer.
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
        """Return whether the number of any process differs from that of the first."""
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
        # The loss travels in front of the gradients.
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
        problem = f"another process of this run has ended ({first_line(error)})"
        raise MachineError("torchrun", problem, "see its own message; run the same command again to resume") from error


@contextmanager
def join_processes(device: torch.device, settings: Mapping[str, object]) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, each GPU with one of them; without torchrun, there is only this one.

    Raises UsageError if the processes have different settings, which must be JSON, and MachineError if they do not meet.
    """
    restarts, size = _integer("TORCHELASTIC_RESTART_COUNT", 0), _integer("WORLD_SIZE", 1)
    if "RANK" not in os.environ or size == 1:
        yield Processes(restarted=restarts > 0)
        return
    rank, backend = _integer("RANK"), "gloo"
    if device.type == "cuda":
        backend, gpu, num_gpus = "cpu:gloo,cuda:nccl", _integer("LOCAL_RANK"), torch.cuda.device_count()
        if gpu >= num_gpus:
            problem = f"is {gpu}, but this machine has {num_gpus} GPUs"
            raise MachineError("LOCAL_RANK", problem, "start one process per GPU")
        torch.cuda.set_device(gpu)
    from torch.distributed.distributed_c10d import PrefixStore

    # torchrun may keep its store over restarts, with the addresses of processes that have ended
    store = PrefixStore(f"attempt {restarts}", _open_store(rank, size))
    _require_equal_settings(store, rank, size, {"device": device.type, **settings})
    with _peer_errors():
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_TIMEOUT)
    yield Processes(rank, size, restarts > 0)
    distributed.destroy_process_group()


def _integer(variable: str, default: int | None = None) -> int:
    """Return the value of an environment variable that torchrun sets. Raises UsageError if it is not an integer."""
    text = os.environ.get(variable, default)
    try:
        return int(text if text is not None else "")
    except ValueError as error:
        found = "is not set" if text is None else f"found {text!r}, expected an integer"
        raise UsageError(variable, found, "start the processes with torchrun") from error


def _open_store(rank: int, size: int) -> "Store":
    """Return the store where the processes meet. The first process keeps it at MASTER_ADDR:MASTER_PORT, or torchrun does."""
    host, port = os.environ.get("MASTER_ADDR", ""), _integer("MASTER_PORT")
    if not host or not 0 < port < 2**16:
        problem = f"found {host}:{port}, expected the address of the first process"
        raise UsageError("MASTER_ADDR and MASTER_PORT", problem, "start the processes with torchrun")
    place = f"{host}:{port}"
    if rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        try:
            return _tcp_store(host, port, _MEETING_SECONDS, size=size, is_host=True)
        except RuntimeError as error:
            if "in use" in str(error):
                raise MachineError(place, "the port is in use", "choose another MASTER_PORT") from error
            problem = f"only some of the {size} processes have connected after {_MEETING_SECONDS} s"
            raise MachineError(place, problem, "see the messages of the others") from error
    _wait_for_port(host, port)
    if not _is_store(host, port):
        problem = "what listens at this port is not the first process of this run"
        raise MachineError(place, problem, "choose another MASTER_PORT")
    return _tcp_store(host, port, _MEETING_SECONDS, size=size)


def _tcp_store(host: str, port: int, seconds: float, *, size: int | None = None, is_host: bool = False) -> "Store":
    """Connect to a store, or open it. With a size, it counts the processes, and its host waits for all of them."""
    store: Store = distributed.TCPStore(  # type: ignore[attr-defined]  # the module does not list it
        host, port, size, is_master=is_host, timeout=timedelta(seconds=seconds), wait_for_workers=size is not None
    )
    return store


def _wait_for_port(host: str, port: int) -> None:
    deadline = time.monotonic() + _MEETING_SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=_ANSWER_SECONDS).close()
        except OSError as error:
            if time.monotonic() > deadline:
                problem = f"the first process cannot be reached ({error.strerror or error})"
                raise MachineError(f"{host}:{port}", problem, "check MASTER_ADDR, or see its own message") from error
            time.sleep(0.1)
        else:
            return


def _is_store(host: str, port: int) -> bool:
    """Return whether a store of PyTorch answers at an open port.

    A child process asks, because the library may wait forever for an answer and logs each attempt with a C++ stack.
    """
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            _tcp_store(host, port, _ANSWER_SECONDS)
            os._exit(0)
        os._exit(1)
    deadline = time.monotonic() + _ANSWER_SECONDS
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status == 0
            time.sleep(0.01)
        return False
    finally:
        with suppress(ProcessLookupError, ChildProcessError):  # it may have ended
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _require_equal_settings(store: "Store", rank: int, size: int, settings: Mapping[str, object]) -> None:
    """Raise UsageError in every process if the settings of one differ from those of the first.

    Raises MachineError if the processes do not all come, or belong to several runs.
    """
    # `add` returns 1 to the first process of a rank, `compare_set` the size that is there already.
    if store.add(f"rank {rank}", 1) > 1 or store.compare_set("size", "", str(size)) != str(size).encode():
        problem = f"another run uses this port: it already has a process {rank}, or does not have {size} processes"
        raise MachineError("MASTER_PORT", problem, "choose another")
    store.set(f"settings {rank}", json.dumps(settings))
    store.set_timeout(timedelta(seconds=_MEETING_SECONDS))
    with _peer_errors():
        answers = [store.get(f"settings {number}") for number in range(size)]
        store.set(f"done {rank}", "")
        if rank == 0:  # which may keep the store, and may be about to exit
            store.wait([f"done {number}" for number in range(size)])
    store.set_timeout(_TIMEOUT)
    first, *others = map(json.loads, answers)
    for number, other in enumerate(others, 1):
        different = [name for name in sorted({*first, *other}) if first.get(name) != other.get(name)]
        if different:
            values = ", ".join(f"{name} is {first.get(name)!r} and {other.get(name)!r}" for name in different)
            problem = f"processes 0 and {number} have different settings: {values}"
            raise UsageError("torchrun", problem, "give all processes the same command")
