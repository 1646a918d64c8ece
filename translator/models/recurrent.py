"""The recurrent encoder-decoder (Bahdanau et al. 2015); other settings give Luong et al. (2015) or Sutskever et al. (2014).

The encoder computes annotations h_j = [forward_j; backward_j]. The decoder computes, for token i, with y the embedding of
the token before it, s a state and c a context:

    query = "previous"      c_i = attention(s_{i-1});  s_i = cell([y; c_i], s_{i-1})        Bahdanau
    query = "current"       s_i = cell([y; c_{i-1}], s_{i-1});  c_i = attention(s_i)        Luong
    query = "conditional"   s'_i = cell([y; c_{i-1}], s_{i-1});  c_i = attention(s'_i);  s_i = cell'(c_i, s'_i)

Without `input_feeding`, the cell gets y only, and c_i is used by the readout (and by cell') only. "conditional" without
input feeding is the conditional GRU layer of Firat and Cho (2016). With more than one layer, s_i is the output of the top
layer, except that the query of "conditional" and its second cell belong to the first layer.

    readout = "maxout"      t_i = maxout(W [s_i; y; c_i])        Bahdanau
    readout = "tanh"        t_i = tanh(W [c_i; s_i])             Luong; with `feeds = "readout"`, t_{i-1} is fed in place of c

Dropout and the output layer follow.

Differences from the papers:
- The GRU is the library's, which applies the reset gate after the hidden product; Bahdanau's applies it before.
- Bahdanau's readout (section A.2.2) uses s_{i-1}; here it uses s_i.
- The encoder reads in both directions and does not reverse the source; those of Luong and Sutskever read a reversed source
  forwards only.
- s_0 of every layer is tanh(W h) of the encoder's top layer, and the cells of an LSTM start at zero; Luong and Sutskever
  start each layer with the last state and cell of the same layer of the encoder.
- c_0 = 0, and so is the readout that is fed back first.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor

from translator.attention.build import build_attention
from translator.attention.core import Attention, Site
from translator.attention.interface import Memory
from translator.errors import UsageError
from translator.models.cells import CELLS, Cell, Hidden
from translator.models.interface import Model, Output
from translator.models.layers import Embeddings, RowsState, Vocabularies
from translator.models.recurrent_layers import Encoder, UpperLayers
from translator.models.recurrent_settings import RecurrentDecoderSettings, RecurrentEncoderSettings, RecurrentSettings
from translator.ops.choice import Ops
from translator.ops.layers import Dropout, Linear


class Encoded(NamedTuple):
    """The source as the decoder needs it."""

    memory: Memory  # of the attention
    first_BX: Tensor  # s_0, the decoder state before the first token, of all layers side by side


@dataclass(frozen=True)
class RecurrentState(RowsState):
    """What the decoder carries from one token to the next."""

    hidden: Hidden  # (R, D) each: the state of the first layer, then those of the upper layers
    output_RD: Tensor  # of the top layer
    feedback_RC: Tensor  # the context, or the readout if that is fed back

    def take(self, row_R: Tensor) -> Self:
        output_RD, feedback_RC, *hidden = (
            tensor.index_select(0, row_R) for tensor in (self.output_RD, self.feedback_RC, *self.hidden)
        )
        return replace(self, hidden=tuple(hidden), output_RD=output_RD, feedback_RC=feedback_RC)


class Decoded(NamedTuple):
    """The result of decoding one or more positions."""

    output_RTD: Tensor
    context_RTC: Tensor
    weight_BHTS: Tensor | None


class Wiring(NamedTuple):
    """How cell and attention of the decoder are connected; see the equations at the top of this file."""

    query: Literal["previous", "current", "conditional"]
    input_feeding: bool
    feeds_readout: bool
    readout: Literal["maxout", "tanh"]
    initial_state: Literal["backward", "both"]


class Dropouts(NamedTuple):
    """Dropout probabilities."""

    embedding: float
    annotation: float
    readout: float


class Recurrent(Model[Encoded, RecurrentState]):
    """Bidirectional encoder, decoder with attention, readout."""

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
        upper: UpperLayers,
        wiring: Wiring,
        dropouts: Dropouts,
        ops: Ops,
    ) -> None:
        """Initialise the model; `context_cell` is the second cell of a "conditional" decoder."""
        super().__init__()
        self.embeddings, self.encoder, self.attention = embeddings, encoder, attention
        self.cell, self.context_cell, self.upper, self.wiring = cell, context_cell, upper, wiring
        bridge_dim = 2 * encoder.hidden_dim if wiring.initial_state == "both" else encoder.hidden_dim
        self.bridge = Linear(bridge_dim, cell.hidden_dim * (1 + len(upper.cells)), ops=ops)
        is_maxout, readout_dim = wiring.readout == "maxout", cell.hidden_dim + attention.context_dim
        self.readout_proj = Linear(readout_dim + embeddings.dim * is_maxout, embeddings.dim * (1 + is_maxout), ops=ops)
        self.embedding_dropout = Dropout(dropouts.embedding, ops=ops)
        self.annotation_dropout = Dropout(dropouts.annotation, ops=ops)
        self.readout_dropout = Dropout(dropouts.readout, ops=ops)

    @property
    def output(self) -> Output:
        return self.embeddings.output

    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> Encoded:
        """Annotate the source and compute s_0 = tanh(W last) (Bahdanau et al. 2015, section A.2.2) of each decoder layer."""
        embedded_BSD = self.embedding_dropout(self.embeddings.source(source_BS))
        annotation_BSD, last_BD = self.encoder(embedded_BSD, mask_BS)
        if self.wiring.initial_state == "backward":
            last_BD = last_BD[:, last_BD.shape[1] // 2 :]  # the second half is the backward direction
        memory = self.attention.make_memory(self.annotation_dropout(annotation_BSD), mask_BS)
        return Encoded(memory, torch.tanh(self.bridge(last_BD)))

    def start(self, encoded: Encoded, num_hypotheses: int) -> RecurrentState:
        """Return s_0 for every hypothesis, and a context or readout of zeros."""
        first_RX = encoded.first_BX.repeat_interleave(num_hypotheses, 0)
        layers = torch.split(first_RX, self.cell.hidden_dim, 1)
        # An LSTM also starts with a cell of zeros.
        hidden = [tensor for s_RD in layers for tensor in (s_RD, torch.zeros_like(s_RD))[: self.cell.num_tensors]]
        width = self.embeddings.dim if self.wiring.feeds_readout else self.attention.context_dim
        feedback_RC = first_RX.new_zeros(len(first_RX), width)
        return RecurrentState((encoded.memory,), num_hypotheses, tuple(hidden), layers[-1], feedback_RC)

    def advance(self, previous_BN: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        embedded_R1E = self._embed(previous_BN.reshape(-1, 1))
        decoded, state = self._advance(self.cell.input_gates(embedded_R1E.squeeze(1)), state)
        return self._readout(decoded, embedded_R1E).view(*previous_BN.shape, -1), state

    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        embedded_BTE = self._embed(previous_BT)
        state = self.start(self.encode(source_BS, mask_BS), 1)
        return self._readout(self._decode(embedded_BTE, state, need_weights=False), embedded_BTE)

    def _embed(self, previous_BT: Tensor) -> Tensor:
        embedded_BTE: Tensor = self.embedding_dropout(self.embeddings.target(previous_BT))
        return embedded_BTE

    def attention_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Return the weights of the attention as 'cross.1'; an empty dict if it has none."""
        embedded_BTE = self._embed(previous_BT)
        state = self.start(self.encode(source_BS, mask_BS), 1)
        weight_BHTS = self._decode(embedded_BTE, state, need_weights=True).weight_BHTS
        return {} if weight_BHTS is None else {"cross.1": weight_BHTS}

    def _decode(self, embedded_BTE: Tensor, state: RecurrentState, *, need_weights: bool) -> Decoded:
        """Decode all positions: in one run of the cell if no state depends on a context, else one after the other."""
        if self.context_cell is None and not self.wiring.input_feeding:
            first, upper = state.hidden[: self.cell.num_tensors], state.hidden[self.cell.num_tensors :]
            query_BTD = output_BTD = self.upper.run(self.cell.run(embedded_BTE, first), upper)
            if self.wiring.query == "previous":  # shift by one position, starting from s_0
                query_BTD = torch.cat((state.output_RD.unsqueeze(1), output_BTD[:, :-1]), 1)
            context_BTC, weight_BHTS = self.attention(query_BTD, state.source_memories[0], need_weights=need_weights)
            return Decoded(output_BTD, context_BTC, weight_BHTS)
        steps = []
        for gate_BG in self.cell.input_gates(embedded_BTE).unbind(1):
            decoded, state = self._advance(gate_BG, state, need_weights=need_weights)
            steps.append(decoded)
        outputs, contexts, weights = zip(*steps, strict=True)
        weight_BHTS = torch.cat(weights, 2) if weights[0] is not None else None
        return Decoded(torch.cat(outputs, 1), torch.cat(contexts, 1), weight_BHTS)

    def _advance(
        self, gate_RG: Tensor, state: RecurrentState, *, need_weights: bool = False
    ) -> tuple[Decoded, RecurrentState]:
        """Decode one position from its `input_gates`, by the equations at the top of this file."""
        first, upper = state.hidden[: self.cell.num_tensors], state.hidden[self.cell.num_tensors :]
        feedback_RC, weight_BH1S = state.feedback_RC, None
        if self.wiring.query == "previous":
            context_RC, weight_BH1S = self._attend(state.output_RD, state, need_weights=need_weights)
            feedback_RC = feedback_RC if self.wiring.feeds_readout else context_RC
        # A slice of width 0 feeds nothing back.
        first = self.cell.advance(gate_RG, feedback_RC if self.wiring.input_feeding else feedback_RC[:, :0], first)
        if self.context_cell is not None:
            context_RC, weight_BH1S = self._attend(first[0], state, need_weights=need_weights)
            first = self.context_cell.advance(self.context_cell.input_gates(context_RC), context_RC[:, :0], first)
        output_RD, upper = self.upper.advance(first[0], upper)
        if self.wiring.query == "current":
            context_RC, weight_BH1S = self._attend(output_RD, state, need_weights=need_weights)
        decoded = Decoded(output_RD.unsqueeze(1), context_RC.unsqueeze(1), weight_BH1S)
        feedback_RC = self._tanh(decoded).squeeze(1) if self.wiring.feeds_readout else context_RC
        return decoded, replace(state, hidden=(*first, *upper), output_RD=output_RD, feedback_RC=feedback_RC)

    def _attend(self, query_RD: Tensor, state: RecurrentState, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Return (context_RC, weights); the N hypotheses of a sentence are N queries to its one memory."""
        query_BND = query_RD.view(-1, state.num_hypotheses, query_RD.shape[-1])
        context_BNC, weight_BHNS = self.attention(query_BND, state.source_memories[0], need_weights=need_weights)
        return context_BNC.reshape(len(query_RD), -1), weight_BHNS

    def _readout(self, decoded: Decoded, embedded_RTE: Tensor) -> Tensor:
        """Return hidden_RTE: Luong's tanh, or the larger of each pair of outputs of a linear map (Goodfellow et al. 2013)."""
        if self.wiring.readout == "tanh":
            return self.readout_dropout(self._tanh(decoded))  # type: ignore[no-any-return]
        joined = torch.cat((decoded.output_RTD, embedded_RTE, decoded.context_RTC), -1)
        pairs = self.readout_proj(joined).unflatten(-1, (-1, 2))
        return self.readout_dropout(pairs.amax(-1))  # type: ignore[no-any-return]

    def _tanh(self, decoded: Decoded) -> Tensor:
        """Return tanh(W [c; s]) (Luong et al. 2015, eq. 5)."""
        return torch.tanh(self.readout_proj(torch.cat((decoded.context_RTC, decoded.output_RTD), -1)))


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
    embeddings = Embeddings(
        vocabularies, embedding_dim, tying=model.tied_embeddings, word_dropout=model.word_dropout, ops=ops
    )
    stack = {"residual": model.residual, "layer_norm": model.layer_norm}
    encoder_module = Encoder(cell_class, embedding_dim, encoder.hidden_dim, num_layers=encoder.num_layers, **stack)
    annotation_dim = 2 * encoder.hidden_dim
    site = Site("cross", "decoder.cross_attention", hidden_dim, annotation_dim, causal=False, project_value=False)
    attention = build_attention(decoder.cross_attention, site, ops=ops)
    context_dim, is_conditional = attention.context_dim, decoder.query == "conditional"
    if is_conditional and context_dim == 0:
        raise UsageError("decoder.query", "'conditional' needs attention, found mechanism 'none'", "use 'previous'")
    feeds_readout = decoder.input_feeding and decoder.feeds == "readout"
    if feeds_readout and decoder.readout != "tanh":
        raise UsageError("decoder.feeds", "'readout' needs readout 'tanh', found 'maxout'", "use 'context'")
    feedback_dim = embedding_dim if feeds_readout else context_dim
    return Recurrent(
        embeddings,
        encoder_module,
        attention,
        cell=cell_class(embedding_dim, feedback_dim if decoder.input_feeding else 0, hidden_dim, ops=ops),
        context_cell=cell_class(context_dim, 0, hidden_dim, ops=ops) if is_conditional else None,
        upper=UpperLayers(cell_class, hidden_dim, decoder.num_layers, **stack, ops=ops),
        wiring=Wiring(decoder.query, decoder.input_feeding, feeds_readout, decoder.readout, decoder.initial_state),
        dropouts=Dropouts(model.embedding_dropout, model.annotation_dropout, model.readout_dropout),
        ops=ops,
    )
