"""The Transformer (Vaswani et al. 2017): attention three times over, and nothing recurrent.

    encoder layer:  x + self_attention(x),   x + feed_forward(x)
    decoder layer:  x + self_attention(x, the past),   x + cross_attention(x, source),   x + feed_forward(x)

Pre-norm normalises what goes into each sublayer (Xiong et al. 2020), post-norm what comes out of each sum, as the paper.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from translator.attention.build import AttentionTable, build_attention
from translator.attention.core import Site
from translator.attention.full import FullSettings
from translator.attention.interface import AttentionSettings, Memory
from translator.models.interface import Model, Output
from translator.models.layers import Embeddings, Tying, Vocabularies
from translator.models.positions import LearnedPositions, NoPositions, Positions, SinusoidalPositions
from translator.models.state import RowsState
from translator.ops.choice import Ops
from translator.ops.layers import Dropout, Linear
from translator.settings import Probability, Settings

FOUR_HEADS = FullSettings(num_heads=4)

Sources: TypeAlias = tuple[Memory, ...]
"""The source as the decoder needs it: one cross-attention memory a layer, projected once a sentence."""


class TransformerSettings(Settings):
    """`[model]` of a Transformer."""

    architecture: Literal["transformer"] = "transformer"
    dim: int = Field(128, ge=1, description="width D of everything between the layers")
    feed_forward_dim: int = Field(256, ge=1, description="width inside the feed-forward layers")
    activation: Literal["relu", "gelu"] = Field("relu", description="between the two maps of a feed-forward layer")
    norm: Literal["pre", "post"] = Field("pre", description="normalise before each sublayer, or after as in the paper")
    positions: Literal["sinusoidal", "learned", "none"] = Field("sinusoidal", description="how words know their place")
    max_positions: int = Field(512, ge=1, description="how many learned positions there are, in pieces")
    tied_embeddings: Tying = Field("all", description="share one matrix: all three, target with output layer, or none")
    dropout: Probability = Field(0.1, description="on embeddings and on what each sublayer adds")
    activation_dropout: Probability = Field(0.0, description="inside the feed-forward layers")


class TransformerEncoderSettings(Settings):
    """`[encoder]` of a Transformer."""

    num_layers: int = Field(4, ge=1, le=1000, description="how many layers")
    self_attention: AttentionTable = Field(FOUR_HEADS, description="source words look at source words")


class TransformerDecoderSettings(Settings):
    """`[decoder]` of a Transformer."""

    num_layers: int = Field(4, ge=1, le=1000, description="how many layers")
    self_attention: AttentionTable = Field(FOUR_HEADS, description="target words look at target words before them")
    cross_attention: AttentionTable = Field(FOUR_HEADS, description="target words look at source words")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class Residual(nn.Module):
    """x + dropout(sublayer(x)), normalised before the sublayer or after the sum."""

    def __init__(self, settings: TransformerSettings, ops: Ops) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.dim)
        self.dropout = Dropout(settings.dropout, ops=ops)
        self.is_pre = settings.norm == "pre"

    def forward(self, x_BTD: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """The sublayer's view of x, added to x."""
        if self.is_pre:
            summed_BTD: Tensor = x_BTD + self.dropout(sublayer(self.norm(x_BTD)))
        else:
            summed_BTD = self.norm(x_BTD + self.dropout(sublayer(x_BTD)))
        return summed_BTD


class FeedForward(nn.Module):
    """Each position by itself: W2 activation(W1 x) (section 3.3)."""

    def __init__(self, settings: TransformerSettings, ops: Ops) -> None:
        super().__init__()
        self.inner_proj = Linear(settings.dim, settings.feed_forward_dim, ops=ops)
        self.outer_proj = Linear(settings.feed_forward_dim, settings.dim, ops=ops)
        self.activation = ACTIVATIONS[settings.activation]
        self.dropout = Dropout(settings.activation_dropout, ops=ops)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """x_BTD again."""
        mapped: Tensor = self.outer_proj(self.dropout(self.activation(self.inner_proj(x_BTD))))
        return mapped


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, settings: TransformerSettings, attention: AttentionSettings, ops: Ops) -> None:
        super().__init__()
        dim = settings.dim
        site = Site("encoder", "encoder.self_attention", dim, dim, causal=False, project_value=True)
        self.self_attention = build_attention(attention, site, ops=ops)
        self.feed_forward = FeedForward(settings, ops)
        self.attention_residual, self.forward_residual = Residual(settings, ops), Residual(settings, ops)

    def forward(self, x_BSD: Tensor, mask_BS: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """x_BSD again; attention weights are appended to `seen` if given."""

        def look(x_BSD: Tensor) -> Tensor:
            wants = seen is not None
            context_BSD, weight_BHSS, _ = self.self_attention.attend_to_self(x_BSD, mask_BS, need_weights=wants)
            return collected(context_BSD, weight_BHSS, seen)

        return self.forward_residual(self.attention_residual(x_BSD, look), self.feed_forward)  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Self-attention over the past, cross-attention to the source, then feed-forward."""

    def __init__(self, settings: TransformerSettings, decoder: TransformerDecoderSettings, ops: Ops) -> None:
        super().__init__()
        dim = settings.dim
        own = Site("decoder", "decoder.self_attention", dim, dim, causal=True, project_value=True)
        cross = Site("cross", "decoder.cross_attention", dim, dim, causal=False, project_value=True)
        self.self_attention = build_attention(decoder.self_attention, own, ops=ops)
        self.cross_attention = build_attention(decoder.cross_attention, cross, ops=ops)
        self.feed_forward = FeedForward(settings, ops)
        self.self_residual, self.cross_residual = Residual(settings, ops), Residual(settings, ops)
        self.forward_residual = Residual(settings, ops)

    def forward(self, x_BTD: Tensor, source: Any, *, past: "Past", seen: "Seen | None" = None) -> Tensor:
        """x_BTD again. `past` holds this layer's self-attention memory and takes in the new positions.

        While decoding, the rows of x are hypotheses (R = B N, each one position long), but `source` has one row a
        sentence: for cross-attention the N hypotheses of a sentence are its queries.
        """

        def look_back(x_BTD: Tensor) -> Tensor:
            context_BTD, weight_BHTS, past.memory = self.self_attention.attend_to_self(
                x_BTD, None, past=past.memory, need_weights=seen is not None
            )
            return collected(context_BTD, weight_BHTS, seen and seen.decoder)

        def look_across(x_BTD: Tensor) -> Tensor:
            rows, length, dim = x_BTD.shape
            queries = x_BTD.view(rows // past.num_hypotheses, past.num_hypotheses * length, dim)
            context_BTD, weight_BHTS = self.cross_attention(queries, source, need_weights=seen is not None)
            return collected(context_BTD, weight_BHTS, seen and seen.cross).view(rows, length, dim)

        x_BTD = self.cross_residual(self.self_residual(x_BTD, look_back), look_across)
        return self.forward_residual(x_BTD, self.feed_forward)  # type: ignore[no-any-return]


@dataclass
class Past:
    """What one decoder layer carries along."""

    memory: Any  # of its self-attention, R rows; None before the first word
    num_hypotheses: int


class Seen(NamedTuple):
    """Attention weights collected on a pass, one weight_BHTS a layer."""

    encoder: list[Tensor]
    decoder: list[Tensor]
    cross: list[Tensor]


def collected(context_BTD: Tensor, weight_BHTS: Tensor | None, seen: list[Tensor] | None) -> Tensor:
    """The context again; the weights are appended to `seen` if that is a list."""
    if seen is not None and weight_BHTS is not None:
        seen.append(weight_BHTS)
    return context_BTD


@dataclass(frozen=True)
class TransformerState(RowsState):
    """What each decoder layer remembers while words are produced."""

    pasts: tuple[Memory, ...]  # of self-attention, R rows, one a layer; empty before the first word
    length: int  # words consumed so far

    def take(self, row_R: Tensor) -> Self:
        """The self-attention memories."""
        return replace(self, pasts=tuple(past.select(row_R) for past in self.pasts))


class Transformer(Model[Sources, TransformerState]):
    """Encoder and decoder stacks between tied embeddings."""

    def __init__(
        self,
        settings: TransformerSettings,
        encoder: TransformerEncoderSettings,
        decoder: TransformerDecoderSettings,
        *,
        vocabularies: Vocabularies,
        ops: Ops,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(
            vocabularies, settings.dim, tying=settings.tied_embeddings, scale=math.sqrt(settings.dim)
        )
        self.source_positions, self.target_positions = build_positions(settings), build_positions(settings)
        self.dropout = Dropout(settings.dropout, ops=ops)
        self.encoder_layers = nn.ModuleList(
            EncoderLayer(settings, encoder.self_attention, ops) for _ in range(encoder.num_layers)
        )
        self.decoder_layers = nn.ModuleList(DecoderLayer(settings, decoder, ops) for _ in range(decoder.num_layers))
        is_pre = settings.norm == "pre"
        self.encoder_norm = nn.LayerNorm(settings.dim) if is_pre else nn.Identity()
        self.decoder_norm = nn.LayerNorm(settings.dim) if is_pre else nn.Identity()

    @property
    def output(self) -> Output:
        """The output layer."""
        return self.embeddings.output

    @property
    def max_source_length(self) -> int | None:
        """Learned positions end, and so may what attention takes in."""
        limits = super().max_source_length, self.source_positions.max_length
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def max_target_length(self) -> int | None:
        """Learned positions end; the last one is the end mark's."""
        return self.target_positions.max_length and self.target_positions.max_length - 1

    def encode(self, source_BS: Tensor, mask_BS: Tensor, seen: Seen | None = None) -> Sources:
        """Run the encoder, and project its result for every cross-attention."""
        x_BSD = self.dropout(self.source_positions(self.embeddings.source(source_BS)))
        for layer in self.encoder_layers:
            x_BSD = layer(x_BSD, mask_BS, seen and seen.encoder)
        memory_BSD = self.encoder_norm(x_BSD)
        return tuple(layer.cross_attention.make_memory(memory_BSD, mask_BS) for layer in self.decoder_layers)  # type: ignore[operator, union-attr]

    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor, seen: Seen | None = None) -> Tensor:
        """Hidden states of all target positions at once."""
        sources = self.encode(source_BS, mask_BS, seen)
        pasts = [Past(None, 1) for _ in self.decoder_layers]
        return self.decode(previous_BT, sources, pasts, first=0, seen=seen)

    def start(self, encoded: Sources, num_hypotheses: int) -> TransformerState:
        """Nothing consumed yet."""
        return TransformerState(encoded, num_hypotheses, (), 0)

    def advance(self, previous_BN: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """One more position for every hypothesis."""
        memories = state.pasts or (None,) * len(self.decoder_layers)
        pasts = [Past(memory, state.num_hypotheses) for memory in memories]
        hidden_R1D = self.decode(previous_BN.reshape(-1, 1), state.sources, pasts, first=state.length)
        state = replace(state, pasts=tuple(past.memory for past in pasts), length=state.length + 1)
        return hidden_R1D.view(*previous_BN.shape, -1), state

    def decode(
        self, previous_RT: Tensor, sources: Sources, pasts: list[Past], *, first: int, seen: Seen | None = None
    ) -> Tensor:
        """Run the decoder stack over new positions that begin at `first`; each layer's past takes them in."""
        x_RTD = self.dropout(self.target_positions(self.embeddings.target(previous_RT), first))
        for layer, source, past in zip(self.decoder_layers, sources, pasts, strict=True):
            x_RTD = layer(x_RTD, source, past=past, seen=seen)
        return self.decoder_norm(x_RTD)  # type: ignore[no-any-return]

    def weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Weights by place and layer, counted from 1: 'encoder.1', 'decoder.1', 'cross.1', ..."""
        seen = Seen([], [], [])
        self.forward(source_BS, mask_BS, previous_BT, seen)
        return {
            f"{place}.{layer}": weight
            for place, layers in seen._asdict().items()
            for layer, weight in enumerate(layers, 1)
        }


def build_positions(settings: TransformerSettings) -> Positions:
    """The positions that the settings name."""
    if settings.positions == "learned":
        return LearnedPositions(settings.max_positions, settings.dim)
    return {"sinusoidal": SinusoidalPositions, "none": NoPositions}[settings.positions]()
