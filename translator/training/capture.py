"""Captured updates: on a GPU a whole update is recorded once per batch shape, as a CUDA graph, and then replayed.

A small model spends most of an update launching kernels, one Python call each. A graph launches all of them at once:
forward and backward pass, clipping, optimizer step. It reads the sentence numbers and the learning rate from fixed
places on the device and builds the batch from them; dropout draws from the generator as an uncaptured update would.

A shape is recorded when it occurs for the second time. The first replay must reproduce the loss and the gradient norm
of the same update without capture, within TOLERANCE; if it does not, the parameters are restored and training continues
without capture.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from translator.errors import first_line
from translator.text.static_batches import Shape, StaticBatches, StaticRows
from translator.training.loop import accumulate, apply, random_state
from translator.training.objective import Objective
from translator.training.updates import CorpusUpdates, static_share

TOLERANCE = 1e-3
"""Largest relative difference between a replayed and an uncaptured update, in loss and in gradient norm."""
MAX_GRAPHS = 128
"""Number of shapes that are recorded; updates with other shapes run uncaptured."""

Record: TypeAlias = Callable[[Callable[[], None]], Callable[[], None]]
"""Records the device operations of a function without executing them; the function that it returns executes them."""


class _Graph(NamedTuple):
    """One recorded update."""

    rows: StaticRows  # where it reads its sentence numbers
    replay: Callable[[], None]


class CapturedUpdates:
    """The updates of a training run, replayed where their shape has been recorded."""

    def __init__(
        self,
        objective: Objective,
        updates: CorpusUpdates,
        optimizer: torch.optim.Optimizer,
        *,
        static: StaticBatches,
        clip_norm: float,
        record: Record | None = None,
    ) -> None:
        """`record` replaces CUDA graphs in tests on a CPU. From now on, uncaptured updates have the static form too."""
        updates.static = static
        self.objective, self.updates, self.optimizer = objective, updates, optimizer
        self.static, self.clip_norm = static, clip_norm
        self.parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.device = self.parameters[0].device
        self.record = record or _CudaRecorder(optimizer)
        self.learning_rate = torch.zeros((), device=self.device)
        self.number_2 = torch.zeros(2, dtype=torch.float64, device=self.device)  # loss, gradient norm
        self.graphs: dict[Shape, _Graph] = {}
        self.seen: set[Shape] = set()
        self.is_active = True

    def replay(self, epoch: int, position: int, learning_rate: float) -> Tensor | None:
        """Replay an update and return (loss, gradient norm), still on the device; None if it has to run uncaptured."""
        if not self.is_active:
            return None
        rows = self.updates.static_rows(epoch, position)
        self.learning_rate.fill_(learning_rate)
        if (graph := self.graphs.get(rows.shape)) is not None:
            graph.rows.number_B.copy_(rows.number_B)
            graph.replay()
            return self.number_2.clone()
        if rows.shape not in self.seen:
            self.seen.add(rows.shape)
            return None
        return self._capture(rows) if len(self.graphs) < MAX_GRAPHS else None

    def _capture(self, rows: StaticRows) -> Tensor | None:
        """Record and replay the first update of a shape. If the result is wrong, restore everything and return None."""
        rows = StaticRows(rows.number_B.clone(), rows.shape)
        restore_random = random_state(self.device)
        # Uncaptured, with the draws that the replay will repeat.
        expected = self._measure(rows)
        restore_state = self._training_state()
        try:
            restore_random()
            # Recording executes nothing, but may advance the generator.
            replay = self.record(lambda: self._update(rows))
            restore_random()
            replay()
            found = self.number_2.tolist()
            problem = "" if all(map(_agree, found, expected)) else f"loss and gradient norm {found}, not {expected}"
        except RuntimeError as error:
            problem = first_line(error)
        if not problem:
            self.graphs[rows.shape] = _Graph(rows, replay)
            return self.number_2.clone()
        restore_state()
        restore_random()
        self.optimizer.zero_grad()
        self.is_active = False
        self.graphs.clear()
        self.objective.notify(f"ops.capture: training continues without CUDA graphs ({problem})")
        return None

    def _update(self, rows: StaticRows) -> None:
        """Run one whole update, in operations that a graph can hold."""
        loss = accumulate(self.objective, static_share(self.static.batch(rows)))
        norm = apply(self.optimizer, self.parameters, loss, learning_rate=self.learning_rate, clip_norm=self.clip_norm)
        self.number_2.copy_(torch.stack((loss.double(), norm.double())))

    def _measure(self, rows: StaticRows) -> list[float]:
        """Return [loss, gradient norm] of an update without its optimizer step; this also warms up the libraries."""
        loss = accumulate(self.objective, static_share(self.static.batch(rows)))
        norm = nn.utils.clip_grad_norm_(self.parameters, math.inf)
        self.optimizer.zero_grad()
        return [loss.item(), norm.item()]

    def _training_state(self) -> Callable[[], None]:
        """Return a function that restores the present parameters, moments and step counts."""
        tensors = [parameter.detach() for parameter in self.parameters]
        tensors += [tensor for state in self.optimizer.state.values() for tensor in state.values()]
        copies = [tensor.clone() for tensor in tensors]

        def restore() -> None:
            for tensor, copy in zip(tensors, copies, strict=True):
                tensor.copy_(copy)

        return restore


def _agree(found: float, expected: float) -> bool:
    """Whether two numbers are equal within TOLERANCE; numbers that are not finite agree with each other."""
    if not math.isfinite(expected):
        return not math.isfinite(found)
    return math.isclose(found, expected, rel_tol=TOLERANCE)


class _CudaRecorder:
    """Records functions as CUDA graphs that share one pool of memory: they are replayed one after the other."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        before = generator.clone_state()
        self._set_capturable(True)
        try:
            with torch.cuda.graph(graph, pool=self.pool):
                work()
        except RuntimeError:
            # A failed recording leaves the generator unable to draw outside recordings, so its state is replaced.
            generator.graphsafe_set_state(before)
            raise
        finally:
            self._set_capturable(False)
        return graph.replay

    def _set_capturable(self, is_capturable: bool) -> None:
        """Tell the optimizer that its step is being recorded; outside, the library warns about this setting."""
        for group in self.optimizer.param_groups:
            group["capturable"] = is_capturable
