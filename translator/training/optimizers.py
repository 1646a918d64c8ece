"""Optimizers. OPTIMIZERS maps a name to a function of the model and the optimizer's settings.

To add one: a function here, its line in OPTIMIZERS, and the tensors of its state in `state_shapes`.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

_AnyOptimizer = TypeVar("_AnyOptimizer", bound=torch.optim.Optimizer)
_EPSILON = 1e-9
_MUON_MOMENTUM = 0.95


def _uncompiled(optimizer: type[_AnyOptimizer]) -> type[_AnyOptimizer]:
    """Return the same optimizer without the wrappers that prepare its methods for torch.compile.

    The wrappers import torch._dynamo, which takes seconds, and no optimizer is compiled here.
    """
    names = "add_param_group", "state_dict", "load_state_dict", "zero_grad"
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})


_Adam = _uncompiled(torch.optim.Adam)
_AdamW = _uncompiled(torch.optim.AdamW)
_Muon = _uncompiled(torch.optim.Muon)


class OptimizerOptions(NamedTuple):
    """The settings that all optimizers share."""

    learning_rate: float
    betas: tuple[float, float]
    weight_decay: float


def adam(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """Return Adam (Kingma and Ba 2015); weight decay is added to the gradient."""
    return _fused(_Adam, _trained(model), options)


def adamw(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019): weight decay is applied to the parameters."""
    return _fused(_AdamW, _trained(model), options)


def muon(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """Return Muon (Jordan et al. 2024) for the matrices inside the model, AdamW for embeddings, output layer and vectors.

    The updates of Muon are scaled to the size of AdamW's (Liu et al. 2025), so that one learning rate suits both.
    """
    embeddings = {id(parameter) for name, parameter in model.named_parameters() if name.startswith("embeddings.")}
    matrices = [parameter for parameter in _trained(model) if parameter.ndim == 2 and id(parameter) not in embeddings]
    inside = set(map(id, matrices))
    others = [parameter for parameter in _trained(model) if id(parameter) not in inside]
    return Together(
        [
            _Muon(
                matrices,
                lr=options.learning_rate,
                weight_decay=options.weight_decay,
                momentum=_MUON_MOMENTUM,
                adjust_lr_fn="match_rms_adamw",
            ),
            _fused(_AdamW, others, options),
        ]
    )


OPTIMIZERS: dict[str, Callable[[nn.Module, OptimizerOptions], torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "muon": muon,
}


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _fused(
    optimizer: type[torch.optim.Adam], parameters: Sequence[nn.Parameter], options: OptimizerOptions
) -> torch.optim.Optimizer:
    return optimizer(
        parameters,
        lr=options.learning_rate,
        betas=options.betas,
        weight_decay=options.weight_decay,
        eps=_EPSILON,
        fused=True,
    )


class Together(_uncompiled(torch.optim.Optimizer)):  # type: ignore[misc]
    """Several optimizers, each for some of the parameters, which `state_dict` numbers consecutively."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = parts
        super().__init__(self._groups(), {})
        # The library has copied the groups.
        self.param_groups = self._groups()

    def _groups(self) -> list[dict[str, Any]]:
        """Return the groups of the parts themselves, so that a learning rate that is set here is theirs."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> None:
        """Update all parameters, or none if `found_inf` is set, as the fused optimizers of the library do."""
        if not getattr(self, "found_inf", False):
            for part in self.parts:
                part.step()

    def state_dict(self) -> dict[str, Any]:
        states = {
            first + index: state
            for first, part in self._numbered()
            for index, state in part.state_dict()["state"].items()
        }
        return {"state": states, "param_groups": []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for first, part in self._numbered():
            numbers = range(first, first + _count(part))
            states = {
                number - first: state_dict["state"][number] for number in numbers if number in state_dict["state"]
            }
            part.load_state_dict({**part.state_dict(), "state": states})
        self.param_groups = self._groups()  # the library has replaced them

    def _numbered(self) -> Iterator[tuple[int, torch.optim.Optimizer]]:
        """Yield each part with the number of its first parameter."""
        first = 0
        for part in self.parts:
            yield first, part
            first += _count(part)


def _count(optimizer: torch.optim.Optimizer) -> int:
    return sum(len(group["params"]) for group in optimizer.param_groups)


def forget(optimizer: torch.optim.Optimizer) -> None:
    """Put an optimizer back into the state before its first update."""
    for part in optimizer.parts if isinstance(optimizer, Together) else [optimizer]:
        part.state.clear()


def state_shapes(optimizer: torch.optim.Optimizer) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in the state after an update, by number of the parameter and name."""
    shapes: dict[str, tuple[int, ...]] = {}
    parts = optimizer.parts if isinstance(optimizer, Together) else [optimizer]
    tensors = [(part, tensor) for part in parts for group in part.param_groups for tensor in group["params"]]
    for number, (part, tensor) in enumerate(tensors):
        shape = tuple(tensor.shape)
        if isinstance(part, torch.optim.Muon):
            shapes[f"{number}.momentum_buffer"] = shape
        else:
            shapes |= {f"{number}.step": (), f"{number}.exp_avg": shape, f"{number}.exp_avg_sq": shape}
    return shapes


class MovingAverage:
    """The exponential moving average of the trained parameters over the updates (as a mean teacher, Tarvainen and Valpola 2017).

    The average of the first updates forgets faster, as in TensorFlow's `ExponentialMovingAverage`, so that it soon has no
    trace of the initial parameters.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.tensors = {name: parameter.detach().clone() for name, parameter in self._trained.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Include the parameters after this update."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages: list[Tensor] = list(self.tensors.values())
        # One call for all parameters, which takes few kernels on a GPU.
        torch._foreach_lerp_(averages, list(self._trained.values()), 1 - decay)
