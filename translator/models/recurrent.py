"""The recurrent encoder-decoder (Bahdanau et al. 2015); other settings give Luong et al. (2015) or Sutskever et al. (2014).

The encoder computes annotations h_j = [forward_j; backward_j]. The decoder computes, for token i, with y the embedding of
the token before it, s a state and c a context:

    query = "previous"      c_i = attention(s_{i-1});  s_i = cell([y; c_i], s_{i-1})        Bahdanau
    query = "current"       s_i = cell([y; c_{i-1}], s_{i-1});  c_i = attention(s_i)        Luong
    query = "conditional"   s'_i = cell([y; c_{i-1}], s_{i-1});  c_i = attention(s'_i);  s_i = cell'(c_i, s'_i)

Without `input_feeding`, the cell gets y only, and c_i is used by the readout (and by cell') only. "conditional" without
input feeding is the conditional GRU of Firat and Cho (2016).

    readout: t_i = maxout(W [s_i; y; c_i]), then dropout and the output layer

Differences from the papers:
- The GRU is the library's, which applies the reset gate after the hidden product; Bahdanau's applies it before.
- Bahdanau's readout (section A.2.2) uses s_{i-1}; here it uses s_i.
- Luong predicts from tanh(W [c; s]) and feeds that back; here the readout is always maxout, and the context is fed back.
- The decoder has one layer; those of Luong and Sutskever have four.
- The source is not reversed, as Luong and Sutskever do.
- c_0 = 0.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from translator.attention.build import AttentionTable, build_attention
from translator.attention.core import Attention, Site
from translator.attention.full import FullSettings
from translator.attention.interface import Memory
from translator.errors import UsageError
from translator.models.cells import CELLS, Cell, Hidden
from translator.models.interface import Model, Output
from translator.models.layers import TYING, Embeddings, RowsState, Tying, Vocabularies
from translator.ops.choice import Ops
from translator.ops.dropout import ROUNDING
from translator.ops.layers import Dropout, Linear
from translator.settings import NameIn, Probability, Settings


class RecurrentSettings(Settings):
    """`[model]` of a recurrent encoder-decoder."""

    architecture: Literal["recurrent"] = "recurrent"
    cell: Annotated[str, NameIn(CELLS)] = Field("gru", description="recurrent cell of encoder and decoder")
    embedding_dim: int = Field(256, ge=1, description="width of the embeddings")
    tied_embeddings: Tying = Field("output", description=TYING)
    embedding_dropout: Probability = Field(0.2, description=f"dropout of the embeddings of both languages; {ROUNDING}")
    annotation_dropout: Probability = Field(
        0.0, description=f"dropout of the annotations that the decoder attends to; {ROUNDING}"
    )
    readout_dropout: Probability = Field(0.2, description=f"dropout of the readout before the output layer; {ROUNDING}")


class RecurrentEncoderSettings(Settings):
    """`[encoder]` of a recurrent model."""

    num_layers: int = Field(1, ge=1, le=1000, description="number of bidirectional layers")
    hidden_dim: int = Field(256, ge=1, le=1_000_000, description="width of each direction; annotations have both")


class RecurrentDecoderSettings(Settings):
    """`[decoder]` of a recurrent model."""

    hidden_dim: int = Field(256, ge=1, le=1_000_000, description="width of the decoder state")
    query: Literal["previous", "current", "conditional"] = Field(
        "previous", description="which decoder state is the query: before the cell, after it, or between two cells"
    )
    input_feeding: bool = Field(True, description="feed the context into the cell, not only into the readout")
    initial_state: Literal["backward", "both"] = Field(
        "backward", description="compute s_0 from the last backward state of the encoder, as in the paper, or from both"
    )
    cross_attention: AttentionTable = Field(
        FullSettings(score="additive"), description="attention from the target to the source"
    )


class Encoder(nn.Module):
    """A bidirectional recurrence over the embedded source; padding is never read."""

    def __init__(self, cell_class: type[Cell], input_dim: int, hidden_dim: int, num_layers: int) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        library_class = cell_class.library_class
        self.recurrence = library_class(input_dim, hidden_dim, num_layers, batch_first=True, bidirectional=True)

    def forward(self, embedded_BSD: Tensor, mask_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return (annotation_BSD, last_BD), where last is [forward state at the true end; backward state at the start]."""
        packed = pack_padded_sequence(embedded_BSD, mask_BS.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        annotations, last = self.recurrence(packed)
        hidden_XBD = last[0] if isinstance(last, tuple) else last  # X: the two directions of every layer
        annotation_BSD, _ = pad_packed_sequence(annotations, batch_first=True, total_length=mask_BS.shape[1])
        return annotation_BSD, torch.cat((hidden_XBD[-2], hidden_XBD[-1]), -1)


class Encoded(NamedTuple):
    """The source as the decoder needs it."""

    memory: Memory  # of the attention
    first_BD: Tensor  # s_0, the decoder state before the first token


@dataclass(frozen=True)
class RecurrentState(RowsState):
    """What the decoder carries from one token to the next."""

    hidden: Hidden  # (R, D) each
    context_RC: Tensor

    def take(self, row_R: Tensor) -> Self:
        hidden = tuple(tensor.index_select(0, row_R) for tensor in self.hidden)
        return replace(self, hidden=hidden, context_RC=self.context_RC.index_select(0, row_R))


class Decoded(NamedTuple):
    """The result of decoding one or more positions."""

    state_RTD: Tensor
    context_RTC: Tensor
    weight_BHTS: Tensor | None


class Wiring(NamedTuple):
    """How cell and attention of the decoder are connected; see the equations at the top of this file."""

    query: Literal["previous", "current", "conditional"]
    input_feeding: bool
    initial_state: Literal["backward", "both"]


class Dropouts(NamedTuple):
    """Dropout probabilities."""

    embedding: float
    annotation: float
    readout: float


class Recurrent(Model[Encoded, RecurrentState]):
    """Bidirectional encoder, decoder with attention, maxout readout."""

    may_compile = False
    waits_for = "the source lengths, which the recurrent encoder needs on the CPU"

    def __init__(
        self,
        embeddings: Embeddings,
        encoder: Encoder,
        attention: Attention,
        *,
        cell: Cell,
        context_cell: Cell | None,
        wiring: Wiring,
        dropouts: Dropouts,
        ops: Ops,
    ) -> None:
        """Initialise the model; `context_cell` is the second cell of a "conditional" decoder."""
        super().__init__()
        self.embeddings, self.encoder, self.attention = embeddings, encoder, attention
        self.cell, self.context_cell, self.wiring = cell, context_cell, wiring
        bridge_dim = 2 * encoder.hidden_dim if wiring.initial_state == "both" else encoder.hidden_dim
        self.bridge = Linear(bridge_dim, cell.hidden_dim, ops=ops)
        readout_dim = cell.hidden_dim + embeddings.dim + attention.context_dim
        self.readout_proj = Linear(readout_dim, 2 * embeddings.dim, ops=ops)
        self.embedding_dropout = Dropout(dropouts.embedding, ops=ops)
        self.annotation_dropout = Dropout(dropouts.annotation, ops=ops)
        self.readout_dropout = Dropout(dropouts.readout, ops=ops)

    @property
    def output(self) -> Output:
        return self.embeddings.output

    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> Encoded:
        """Annotate the source and compute s_0 = tanh(W last) (Bahdanau et al. 2015, section A.2.2)."""
        embedded_BSD = self.embedding_dropout(self.embeddings.source(source_BS))
        annotation_BSD, last_BD = self.encoder(embedded_BSD, mask_BS)
        if self.wiring.initial_state == "backward":
            last_BD = last_BD[:, last_BD.shape[1] // 2 :]
        memory = self.attention.make_memory(self.annotation_dropout(annotation_BSD), mask_BS)
        return Encoded(memory, torch.tanh(self.bridge(last_BD)))

    def start(self, encoded: Encoded, num_hypotheses: int) -> RecurrentState:
        """Return s_0 for every hypothesis, and a context of zeros."""
        first_RD = encoded.first_BD.repeat_interleave(num_hypotheses, 0)
        hidden = (first_RD, torch.zeros_like(first_RD))[: self.cell.num_tensors]
        context_RC = first_RD.new_zeros(len(first_RD), self.attention.context_dim)
        return RecurrentState((encoded.memory,), num_hypotheses, hidden, context_RC)

    def advance(self, previous_BN: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        embedded_R1E = self.embedding_dropout(self.embeddings.target(previous_BN.reshape(-1, 1)))
        decoded, state = self._advance(self.cell.input_gates(embedded_R1E.squeeze(1)), state)
        return self._readout(decoded, embedded_R1E).view(*previous_BN.shape, -1), state

    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        embedded_BTE = self.embedding_dropout(self.embeddings.target(previous_BT))
        state = self.start(self.encode(source_BS, mask_BS), 1)
        return self._readout(self._decode(embedded_BTE, state, need_weights=False), embedded_BTE)

    def attention_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Return the weights of the attention as 'cross.1'; an empty dict if it has none."""
        embedded_BTE = self.embedding_dropout(self.embeddings.target(previous_BT))
        state = self.start(self.encode(source_BS, mask_BS), 1)
        weight_BHTS = self._decode(embedded_BTE, state, need_weights=True).weight_BHTS
        return {} if weight_BHTS is None else {"cross.1": weight_BHTS}

    def _decode(self, embedded_BTE: Tensor, state: RecurrentState, *, need_weights: bool) -> Decoded:
        """Decode all positions: in one run of the cell if no state depends on a context, else one after the other."""
        if self.context_cell is None and not self.wiring.input_feeding:
            query_BTD = state_BTD = self.cell.run(embedded_BTE, state.hidden)
            if self.wiring.query == "previous":  # shift by one position, starting from s_0
                query_BTD = torch.cat((state.hidden[0].unsqueeze(1), state_BTD[:, :-1]), 1)
            context_BTC, weight_BHTS = self.attention(query_BTD, state.source_memories[0], need_weights=need_weights)
            return Decoded(state_BTD, context_BTC, weight_BHTS)
        steps = []
        for gate_BG in self.cell.input_gates(embedded_BTE).unbind(1):
            decoded, state = self._advance(gate_BG, state, need_weights=need_weights)
            steps.append(decoded)
        states, contexts, weights = zip(*steps, strict=True)
        weight_BHTS = torch.cat(weights, 2) if weights[0] is not None else None
        return Decoded(torch.cat(states, 1), torch.cat(contexts, 1), weight_BHTS)

    def _advance(
        self, gate_RG: Tensor, state: RecurrentState, *, need_weights: bool = False
    ) -> tuple[Decoded, RecurrentState]:
        """Decode one position from its `input_gates`, by the equations at the top of this file."""
        hidden, context_RC, weight_BH1S = state.hidden, state.context_RC, None
        if self.wiring.query == "previous":
            context_RC, weight_BH1S = self._attend(hidden[0], state, need_weights=need_weights)
        feedback_RC = context_RC if self.wiring.input_feeding else context_RC[:, :0]
        hidden = self.cell.advance(gate_RG, feedback_RC, hidden)
        if self.wiring.query != "previous":
            context_RC, weight_BH1S = self._attend(hidden[0], state, need_weights=need_weights)
        if self.context_cell is not None:
            hidden = self.context_cell.advance(self.context_cell.input_gates(context_RC), context_RC[:, :0], hidden)
        decoded = Decoded(hidden[0].unsqueeze(1), context_RC.unsqueeze(1), weight_BH1S)
        return decoded, replace(state, hidden=hidden, context_RC=context_RC)

    def _attend(self, query_RD: Tensor, state: RecurrentState, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Return (context_RC, weights); the N hypotheses of a sentence are N queries to its one memory."""
        query_BND = query_RD.view(-1, state.num_hypotheses, query_RD.shape[-1])
        context_BNC, weight_BHNS = self.attention(query_BND, state.source_memories[0], need_weights=need_weights)
        return context_BNC.reshape(len(query_RD), -1), weight_BHNS

    def _readout(self, decoded: Decoded, embedded_RTE: Tensor) -> Tensor:
        """Return hidden_RTE: the larger of each pair of outputs of a linear map (maxout, Goodfellow et al. 2013)."""
        joined = torch.cat((decoded.state_RTD, embedded_RTE, decoded.context_RTC), -1)
        pairs = self.readout_proj(joined).unflatten(-1, (-1, 2))
        return self.readout_dropout(pairs.amax(-1))  # type: ignore[no-any-return]


def build_recurrent(
    model: RecurrentSettings,
    encoder: RecurrentEncoderSettings,
    decoder: RecurrentDecoderSettings,
    *,
    vocabularies: Vocabularies,
    ops: Ops,
) -> Recurrent:
    """Build a recurrent encoder-decoder from its settings. Raises UsageError if they contradict each other."""
    # Modules draw their initial parameters in this order.
    cell_class, embedding_dim, hidden_dim = CELLS[model.cell], model.embedding_dim, decoder.hidden_dim
    embeddings = Embeddings(vocabularies, embedding_dim, tying=model.tied_embeddings)
    encoder_module = Encoder(cell_class, embedding_dim, encoder.hidden_dim, encoder.num_layers)
    annotation_dim = 2 * encoder.hidden_dim
    site = Site("cross", "decoder.cross_attention", hidden_dim, annotation_dim, causal=False, project_value=False)
    attention = build_attention(decoder.cross_attention, site, ops=ops)
    context_dim, is_conditional = attention.context_dim, decoder.query == "conditional"
    if is_conditional and context_dim == 0:
        raise UsageError("decoder.query", "'conditional' needs attention, found mechanism 'none'", "use 'previous'")
    return Recurrent(
        embeddings,
        encoder_module,
        attention,
        cell=cell_class(embedding_dim, context_dim if decoder.input_feeding else 0, hidden_dim, ops=ops),
        context_cell=cell_class(context_dim, 0, hidden_dim, ops=ops) if is_conditional else None,
        wiring=Wiring(decoder.query, decoder.input_feeding, decoder.initial_state),
        dropouts=Dropouts(model.embedding_dropout, model.annotation_dropout, model.readout_dropout),
        ops=ops,
    )
