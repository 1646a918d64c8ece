"""Two encoder-decoders on one attention core, seen by the rest of the program through `interface.Model` alone.

`recurrent` reads and writes word by word; `transformer` sees all words at once. MODELS names them with the settings
classes of their config tables; to add an architecture: one file here and one line there.
"""

from collections.abc import Callable
from typing import NamedTuple

from translator.models.interface import AnyModel
from translator.models.recurrent import (
    Recurrent,
    RecurrentDecoderSettings,
    RecurrentEncoderSettings,
    RecurrentSettings,
)
from translator.models.transformer import (
    Transformer,
    TransformerDecoderSettings,
    TransformerEncoderSettings,
    TransformerSettings,
)
from translator.settings import Settings


class Architecture(NamedTuple):
    """A model class with the settings of its three config tables."""

    build: Callable[..., AnyModel]
    model: type[Settings]
    encoder: type[Settings]
    decoder: type[Settings]


MODELS: dict[str, Architecture] = {
    "recurrent": Architecture(Recurrent, RecurrentSettings, RecurrentEncoderSettings, RecurrentDecoderSettings),
    "transformer": Architecture(
        Transformer, TransformerSettings, TransformerEncoderSettings, TransformerDecoderSettings
    ),
}
