"""The Transformer (Vaswani et al. 2017): embeddings, positions and the stacks of layers of encoder and decoder."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field
from torch import Tensor, nn

from translator.attention.build import AttentionTable, build_attention
from translator.attention.core import Attention, Site
from translator.attention.full import FullSettings
from translator.attention.interface import AttentionSettings, Memory, Place
from translator.models.interface import Model, Output
from translator.models.layers import TYING, WORD_DROPOUT, Embeddings, RowsState, Tying, Vocabularies
from translator.models.positions import POSITIONS, Positions
from translator.models.transformer_layers import (
    ACTIVATIONS,
    AttentionRecorder,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    Residual,
)
from translator.ops.choice import Ops
from translator.ops.dropout import ROUNDING
from translator.ops.layers import Dropout
from translator.settings import NameIn, Probability, Settings

_FOUR_HEADS = FullSettings(num_heads=4)


class TransformerSettings(Settings):
    """`[model]` of a Transformer."""

    architecture: Literal["transformer"] = "transformer"
    dim: int = Field(128, ge=1, description="width of the states between the layers")
    feed_forward_dim: int = Field(256, ge=1, description="width inside the feed-forward layers")
    activation: Annotated[str, NameIn(ACTIVATIONS)] = Field(
        "relu", description="activation function of the feed-forward layers"
    )
    norm: Literal["pre", "post"] = Field(
        "pre", description="normalise before each sublayer, or after it as in the paper"
    )
    positions: Annotated[str, NameIn(POSITIONS)] = Field("sinusoidal", description="position encoding")
    max_positions: int = Field(512, ge=1, description="number of learned positions, in tokens")
    tied_embeddings: Tying = Field("all", description=TYING)
    word_dropout: Probability = Field(0.0, description=WORD_DROPOUT)
    dropout: Probability = Field(
        0.1, description=f"dropout of embeddings and of the output of each sublayer; {ROUNDING}"
    )
    activation_dropout: Probability = Field(0.0, description=f"dropout inside the feed-forward layers; {ROUNDING}")


class TransformerEncoderSettings(Settings):
    """`[encoder]` of a Transformer."""

    num_layers: int = Field(4, ge=1, le=1000, description="number of layers")
    self_attention: AttentionTable = Field(_FOUR_HEADS, description="self-attention of the source")


class TransformerDecoderSettings(Settings):
    """`[decoder]` of a Transformer."""

    num_layers: int = Field(4, ge=1, le=1000, description="number of layers")
    self_attention: AttentionTable = Field(_FOUR_HEADS, description="self-attention of the target, to the past only")
    cross_attention: AttentionTable = Field(_FOUR_HEADS, description="attention from the target to the source")


SourceMemories: TypeAlias = tuple[Memory, ...]
"""The encoded source: the cross-attention memory of each decoder layer, made once per sentence."""


@dataclass(frozen=True)
class TransformerState(RowsState):
    """The self-attention memories of the decoder layers while tokens are produced."""

    pasts: tuple[Memory, ...]  # one per layer, each with R rows; empty before the first token
    length: int  # tokens consumed so far

    def take(self, row_R: Tensor) -> Self:
        return replace(self, pasts=tuple(past.select(row_R) for past in self.pasts))


class Transformer(Model[SourceMemories, TransformerState]):
    """Embeddings, positions, and the layers of encoder and decoder."""

    def __init__(
        self,
        embeddings: Embeddings,
        source_positions: Positions,
        target_positions: Positions,
        *,
        encoder_layers: Iterable[EncoderLayer],
        decoder_layers: Iterable[DecoderLayer],
        pre_norm: bool,
        dropout: Dropout,
    ) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.source_positions, self.target_positions = source_positions, target_positions
        self.dropout = dropout
        self.encoder_layers, self.decoder_layers = nn.ModuleList(encoder_layers), nn.ModuleList(decoder_layers)
        self.encoder_norm = nn.LayerNorm(embeddings.dim) if pre_norm else nn.Identity()
        self.decoder_norm = nn.LayerNorm(embeddings.dim) if pre_norm else nn.Identity()

    @property
    def output(self) -> Output:
        return self.embeddings.output

    @property
    def max_source_length(self) -> int | None:
        lengths = super().max_source_length, self.source_positions.max_length
        return min((length for length in lengths if length is not None), default=None)

    @property
    def max_target_length(self) -> int | None:
        max_length = self.target_positions.max_length
        return None if max_length is None else max_length - 1  # the last position is for the end token

    def encode(self, source_BS: Tensor, mask_BS: Tensor, recorder: AttentionRecorder | None = None) -> SourceMemories:
        x_BSD = self.dropout(self.source_positions(self.embeddings.source(source_BS)))
        for layer in self.encoder_layers:
            x_BSD = layer(x_BSD, mask_BS, recorder)
        source_BSD = self.encoder_norm(x_BSD)
        return tuple(layer.cross_attention.make_memory(source_BSD, mask_BS) for layer in self.decoder_layers)  # type: ignore[operator, union-attr]

    def forward(
        self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor, recorder: AttentionRecorder | None = None
    ) -> Tensor:
        state = self.start(self.encode(source_BS, mask_BS, recorder), 1)
        return self._decode(previous_BT, state, recorder)[0]

    def start(self, encoded: SourceMemories, num_hypotheses: int) -> TransformerState:
        return TransformerState(encoded, num_hypotheses, (), 0)

    def advance(self, previous_BN: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        hidden_R1D, pasts = self._decode(previous_BN.reshape(-1, 1), state)
        return hidden_R1D.view(*previous_BN.shape, -1), replace(state, pasts=pasts, length=state.length + 1)

    def _decode(
        self, previous_RT: Tensor, state: TransformerState, recorder: AttentionRecorder | None = None
    ) -> tuple[Tensor, tuple[Memory, ...]]:
        """Run the decoder on the tokens after those of `state`; return (hidden_RTD, the new `pasts`)."""
        x_RTD = self.dropout(self.target_positions(self.embeddings.target(previous_RT), state.length))
        pasts, num_hypotheses = state.pasts or [None] * len(self.decoder_layers), state.num_hypotheses
        new_pasts = []
        for layer, source_memory, past in zip(self.decoder_layers, state.source_memories, pasts, strict=True):
            x_RTD, new_past = layer(x_RTD, source_memory, past=past, num_hypotheses=num_hypotheses, recorder=recorder)
            new_pasts.append(new_past)
        return self.decoder_norm(x_RTD), tuple(new_pasts)

    def attention_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Return the weights by place and layer: 'encoder.1', ..., 'decoder.1', ..., 'cross.1', ...."""
        recorder = AttentionRecorder()
        self.forward(source_BS, mask_BS, previous_BT, recorder)
        weights: dict[str, Tensor] = {}
        for place, layers in recorder.layers.items():
            weights |= {f"{place}.{number}": weight_BHTS for number, weight_BHTS in enumerate(layers, 1)}
        return weights


def build_transformer(
    model: TransformerSettings,
    encoder: TransformerEncoderSettings,
    decoder: TransformerDecoderSettings,
    *,
    vocabularies: Vocabularies,
    ops: Ops,
) -> Transformer:
    """Build a Transformer from its settings. Modules draw their parameters in the order in which they are listed here."""
    dim, pre_norm = model.dim, model.norm == "pre"
    new_residual = partial(Residual, dim, pre_norm=pre_norm, dropout=model.dropout, ops=ops)

    def attention(settings: AttentionSettings, place: Place, key: str) -> Attention:
        site = Site(place, key, dim, dim, causal=place == "decoder", project_value=True)
        return build_attention(settings, site, ops=ops)

    def feed_forward() -> FeedForward:
        activation = ACTIVATIONS[model.activation]
        return FeedForward(dim, model.feed_forward_dim, activation, dropout=model.activation_dropout, ops=ops)

    embeddings = Embeddings(
        vocabularies,
        dim,
        tying=model.tied_embeddings,
        scale=math.sqrt(dim),
        word_dropout=model.word_dropout,
        ops=ops,
    )
    source_positions, target_positions = (POSITIONS[model.positions](model.max_positions, dim) for _ in range(2))
    encoder_layers, decoder_layers = [], []
    for _ in range(encoder.num_layers):
        self_attention = attention(encoder.self_attention, "encoder", "encoder.self_attention")
        encoder_layers.append(EncoderLayer(self_attention, feed_forward(), new_residual))
    for _ in range(decoder.num_layers):
        self_attention = attention(decoder.self_attention, "decoder", "decoder.self_attention")
        cross_attention = attention(decoder.cross_attention, "cross", "decoder.cross_attention")
        decoder_layers.append(DecoderLayer(self_attention, cross_attention, feed_forward(), new_residual))
    return Transformer(
        embeddings,
        source_positions,
        target_positions,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        pre_norm=pre_norm,
        dropout=Dropout(model.dropout, ops=ops),
    )
