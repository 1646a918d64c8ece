"""Two encoder-decoders on the same attention; the rest of the program uses them through `interface.Model` only.

`recurrent` reads and writes one token after the other; `transformer` processes all positions at once. MODELS maps each
name to its settings classes and the function that builds the model from them. To add an architecture, write one file
here and add one entry to MODELS.
"""

from collections.abc import Callable
from typing import NamedTuple

from translator.models.interface import AnyModel
from translator.models.recurrent import build_recurrent
from translator.models.recurrent_settings import RecurrentDecoderSettings, RecurrentEncoderSettings, RecurrentSettings
from translator.models.transformer import (
    TransformerDecoderSettings,
    TransformerEncoderSettings,
    TransformerSettings,
    build_transformer,
)
from translator.settings import Settings


class Architecture(NamedTuple):
    """How to build a model, and the settings classes of its three config tables."""

    build: Callable[..., AnyModel]  # (model, encoder, decoder, *, vocabularies, ops)
    model: type[Settings]
    encoder: type[Settings]
    decoder: type[Settings]


MODELS: dict[str, Architecture] = {
    "recurrent": Architecture(build_recurrent, RecurrentSettings, RecurrentEncoderSettings, RecurrentDecoderSettings),
    "transformer": Architecture(
        build_transformer, TransformerSettings, TransformerEncoderSettings, TransformerDecoderSettings
    ),
}
