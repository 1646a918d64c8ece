"""The model that a config describes, and whether a parameter file fits it, which the header of the file tells."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from translator.config import Config
from translator.errors import ModelError, UsageError, first_line
from translator.models import MODELS
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.training.checkpoint import check_layout, layout_of, read_layout

_MAX_PARAMETERS = 2_000_000_000


def build_model(config: Config, vocabularies: Vocabularies, *, ops: Ops) -> AnyModel:
    """Return a new model on the default device. Raise UsageError for settings that contradict each other."""
    architecture = MODELS[config.architecture]
    model = architecture.build(config.model, config.encoder, config.decoder, vocabularies=vocabularies, ops=ops)
    model.num_slots = vocabularies.num_slots
    return model


class _WithoutValues(TorchFunctionMode):
    """Skips the functions that only fill new tensors; torch would import its compiler for them, which takes a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # `mul` scales random values, which are not drawn.
        if func in (Tensor.normal_, Tensor.uniform_, Tensor.mul):
            return args[0]
        if func is torch.randint:
            return torch.empty(args[-1], dtype=torch.int64)
        return (torch.empty if func is torch.randn else func)(*args, **kwargs or {})


def sketch_model(config: Config, vocabularies: Vocabularies) -> AnyModel:
    """Return the model on the meta device, where parameters have shapes but no memory.

    Raises UsageError if the model cannot be built or has more than two billion parameters.
    """
    try:
        with torch.device("meta"), _WithoutValues():
            model = build_model(config, vocabularies, ops=Ops())
        num_parameters = count_parameters(model)
    except (RuntimeError, OverflowError) as error:
        raise UsageError("[model]", f"cannot be built ({first_line(error)})", "choose smaller sizes") from error
    if num_parameters > _MAX_PARAMETERS:
        problem = f"would have {num_parameters:,} parameters, expected at most {_MAX_PARAMETERS:,}"
        raise UsageError("[model]", problem, "choose smaller sizes")
    return model


def check_model(config: Config) -> int:
    """Return the number of parameters of the model, before any data is read. Raise UsageError if it cannot be built."""
    size = config.tokenizer.vocab_size
    return count_parameters(sketch_model(config, Vocabularies(size, size, config.tokenizer.joint)))


def count_parameters(model: torch.nn.Module) -> int:
    """Return the number of trainable parameters; tied ones count once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def check_parameters(path: Path, config: Config, vocabularies: Vocabularies) -> None:
    """Raise ModelError unless a file declares the parameters of the model; reads only its header and allocates nothing."""
    try:
        model = sketch_model(config, vocabularies)
    except UsageError as error:
        raise ModelError(str(path), f"the config does not describe a valid model ({error})") from error
    check_layout(read_layout(path), layout_of(dict(model.named_parameters())), str(path))
