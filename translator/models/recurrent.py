"""The recurrent encoder-decoder (Bahdanau et al. 2015), and with other settings Luong et al. (2015) or Sutskever et al. (2014).

Encoder: annotations h_j = [forward_j; backward_j]. Decoder, for word i, with y the word before it and c a context:

    query = "previous"      c_i = attention(s_{i-1});  s_i = cell([y; c_i], s_{i-1})        Bahdanau
    query = "current"       s_i = cell([y; c_{i-1}], s_{i-1});  c_i = attention(s_i)        Luong
    query = "conditional"   s'_i = cell([y; c_{i-1}], s_{i-1});  c_i = attention(s'_i);  s_i = cell'(c_i, s'_i)
                            (conditional GRU, Firat and Cho 2016)

Without `input_feeding` the contexts in square brackets are left out, and only the readout sees c_i.

    readout: t_i = maxout(W [s_i; y; c_i]), then dropout and the output layer

Differences from the papers: the cells are the library's; its GRU applies the reset gate after the hidden product
(Bahdanau's before it), a different and equally good cell. Bahdanau's appendix reads out s_{i-1}; here it is s_i.
Luong feeds tanh(W [c; s]) back; here it is the context alone, as later systems do.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from translator.attention.build import AttentionTable, build_attention
from translator.attention.core import Site
from translator.attention.full import FullSettings
from translator.attention.interface import Memory
from translator.errors import UsageError
from translator.models.interface import Model, Output
from translator.models.layers import Embeddings, Tying, Vocabularies
from translator.models.state import RowsState
from translator.ops.choice import Ops
from translator.ops.layers import Dropout, Linear
from translator.settings import Probability, Settings

Hidden: TypeAlias = tuple[Tensor, ...]
"""A cell's state, batch first: (hidden_BD,) of a GRU, (hidden_BD, cell_BD) of an LSTM."""

RECURRENCES: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentSettings(Settings):
    """`[model]` of a recurrent encoder-decoder."""

    architecture: Literal["recurrent"] = "recurrent"
    cell: Literal["gru", "lstm"] = Field("gru", description="the recurrent cell of encoder and decoder")
    embedding_dim: int = Field(256, ge=1, description="width of the word embeddings")
    tied_embeddings: Tying = Field(
        "output", description="share one matrix: all three, target with output layer, or none"
    )
    embedding_dropout: Probability = Field(0.2, description="on the embedded words of both sides")
    annotation_dropout: Probability = Field(0.0, description="on the annotations that attention looks at")
    readout_dropout: Probability = Field(0.2, description="on the readout before the output layer")


class RecurrentEncoderSettings(Settings):
    """`[encoder]` of a recurrent model."""

    num_layers: int = Field(1, ge=1, le=1000, description="how many bidirectional layers")
    hidden_dim: int = Field(256, ge=1, le=1_000_000, description="width of one direction; annotations have both")


class RecurrentDecoderSettings(Settings):
    """`[decoder]` of a recurrent model."""

    hidden_dim: int = Field(256, ge=1, le=1_000_000, description="width of the decoder's state")
    query: Literal["previous", "current", "conditional"] = Field(
        "previous", description="the state that attention sees"
    )
    input_feeding: bool = Field(True, description="feed the context into the cell, not only into the readout")
    initial_state: Literal["backward", "both"] = Field(
        "backward", description="s_0 comes from the encoder's last backward state, as in the paper, or from both"
    )
    cross_attention: AttentionTable = Field(
        FullSettings(score="additive"), description="target words look at source words"
    )


class Encoder(nn.Module):
    """A bidirectional recurrence over the embedded source, which never reads padding."""

    def __init__(self, settings: RecurrentSettings, encoder: RecurrentEncoderSettings) -> None:
        super().__init__()
        self.recurrence = RECURRENCES[settings.cell](
            settings.embedding_dim, encoder.hidden_dim, encoder.num_layers, batch_first=True, bidirectional=True
        )

    def forward(self, embedded_BSD: Tensor, mask_BS: Tensor) -> tuple[Tensor, Tensor]:
        """(annotation_BSD, last_BD): last is the forward state at the true end beside the backward state at the start."""
        packed = pack_padded_sequence(embedded_BSD, mask_BS.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        annotations, last = self.recurrence(packed)
        hidden_XBD = last[0] if isinstance(last, tuple) else last
        annotation_BSD, _ = pad_packed_sequence(annotations, batch_first=True, total_length=mask_BS.shape[1])
        return annotation_BSD, torch.cat((hidden_XBD[-2], hidden_XBD[-1]), -1)


class Cell(nn.Module):
    """One layer of the library's recurrence, batch first, whose state is a plain tuple.

    `sweep` is the library's; `step` computes the same from the same weights one position at a time, so that what does not
    depend on the state (`gates`) is one product for all positions.
    """

    def __init__(self, kind: str, input_dim: int, fed_dim: int, hidden_dim: int, *, ops: Ops) -> None:
        super().__init__()
        self.recurrence = RECURRENCES[kind](input_dim + fed_dim, hidden_dim, batch_first=True)
        self.input_dim, self.next_hidden, self.ops = input_dim, {"gru": next_of_gru, "lstm": next_of_lstm}[kind], ops

    def sweep(self, input_BTD: Tensor, hidden: Hidden) -> Tensor:
        """state_BTD after each of T inputs, where nothing is fed back."""
        wide = tuple(part.unsqueeze(0).contiguous() for part in hidden)
        state_BTD, _ = self.recurrence(input_BTD, wide if len(wide) > 1 else wide[0])
        return state_BTD  # type: ignore[no-any-return]

    def gates(self, input_BTD: Tensor) -> Tensor:
        """The inputs' share of all gates, gate_BTG."""
        input_GD, _, bias_G, _ = self.recurrence.parameters()
        return self.ops.linear(input_BTD, input_GD[:, : self.input_dim], bias_G)

    def step(self, gate_RG: Tensor, fed_RC: Tensor, hidden: Hidden) -> Hidden:
        """The state after one input, given its share of the gates and what is fed back beside it."""
        input_GD, hidden_GD, _, bias_G = self.recurrence.parameters()
        if fed_RC.shape[1]:
            gate_RG = gate_RG + self.ops.linear(fed_RC, input_GD[:, self.input_dim :])
        recurrent_RG = self.ops.linear(hidden[0], hidden_GD, bias_G)
        return self.next_hidden(gate_RG, recurrent_RG, hidden)


def next_of_gru(gate_RG: Tensor, recurrent_RG: Tensor, hidden: Hidden) -> Hidden:
    """Gated recurrent unit (Cho et al. 2014), the reset gate applied after the hidden product as in `nn.GRU`."""
    dim = hidden[0].shape[1]
    reset_RD, update_RD = torch.sigmoid(gate_RG[:, : 2 * dim] + recurrent_RG[:, : 2 * dim]).chunk(2, 1)
    new_RD = torch.tanh(torch.addcmul(gate_RG[:, 2 * dim :], reset_RD, recurrent_RG[:, 2 * dim :]))
    return (torch.lerp(new_RD, hidden[0], update_RD),)


def next_of_lstm(gate_RG: Tensor, recurrent_RG: Tensor, hidden: Hidden) -> Hidden:
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as `nn.LSTM`."""
    enter_RD, forget_RD, new_RD, leave_RD = (gate_RG + recurrent_RG).chunk(4, 1)
    cell_RD = torch.sigmoid(forget_RD) * hidden[1] + torch.sigmoid(enter_RD) * torch.tanh(new_RD)
    return torch.sigmoid(leave_RD) * torch.tanh(cell_RD), cell_RD


class Encoded(NamedTuple):
    """The source as the decoder needs it."""

    source: Memory  # of the attention
    first_BD: Tensor  # the decoder's state before the first word


@dataclass(frozen=True)
class RecurrentState(RowsState):
    """What the decoder carries from word to word."""

    hidden: Hidden  # (R, D) each
    context_RC: Tensor

    def take(self, row_R: Tensor) -> Self:
        """States and contexts."""
        hidden = tuple(part.index_select(0, row_R) for part in self.hidden)
        return replace(self, hidden=hidden, context_RC=self.context_RC.index_select(0, row_R))


class Step(NamedTuple):
    """What decoding one or more positions yields."""

    state_RTD: Tensor
    context_RTC: Tensor
    weight_BHTS: Tensor | None


class Recurrent(Model[Encoded, RecurrentState]):
    """Bidirectional encoder, attentive decoder, maxout readout."""

    may_compile = False
    waits_for = "the source lengths, which the recurrent encoder needs on the CPU"

    def __init__(
        self,
        settings: RecurrentSettings,
        encoder: RecurrentEncoderSettings,
        decoder: RecurrentDecoderSettings,
        *,
        vocabularies: Vocabularies,
        ops: Ops,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.embeddings = Embeddings(vocabularies, settings.embedding_dim, tying=settings.tied_embeddings)
        self.encoder = Encoder(settings, encoder)
        hidden_dim, annotation_dim = decoder.hidden_dim, 2 * encoder.hidden_dim
        site = Site("cross", "decoder.cross_attention", hidden_dim, annotation_dim, causal=False, project_value=False)
        self.attention = build_attention(decoder.cross_attention, site, ops=ops)
        context_dim = self.attention.context_dim
        if decoder.query == "conditional" and context_dim == 0:
            raise UsageError(
                "decoder.query", "'conditional' needs attention, found mechanism 'none'", "take 'previous'"
            )
        fed_dim = context_dim if decoder.input_feeding else 0
        self.cell = Cell(settings.cell, settings.embedding_dim, fed_dim, hidden_dim, ops=ops)
        is_conditional = decoder.query == "conditional"
        self.context_cell = Cell(settings.cell, context_dim, 0, hidden_dim, ops=ops) if is_conditional else None
        bridge_dim = annotation_dim if decoder.initial_state == "both" else annotation_dim // 2
        self.bridge = Linear(bridge_dim, hidden_dim, ops=ops)
        self.readout_proj = Linear(
            hidden_dim + settings.embedding_dim + context_dim, 2 * settings.embedding_dim, ops=ops
        )
        self.embedding_dropout = Dropout(settings.embedding_dropout, ops=ops)
        self.annotation_dropout = Dropout(settings.annotation_dropout, ops=ops)
        self.readout_dropout = Dropout(settings.readout_dropout, ops=ops)
        self.num_parts = 2 if settings.cell == "lstm" else 1

    @property
    def output(self) -> Output:
        """The output layer."""
        return self.embeddings.output

    def encode(self, source_BS: Tensor, mask_BS: Tensor) -> Encoded:
        """Annotate the source, and make s_0 = tanh(W last) (Bahdanau et al. 2015, section A.2.2)."""
        embedded_BSD = self.embedding_dropout(self.embeddings.source(source_BS))
        annotation_BSD, last_BD = self.encoder(embedded_BSD, mask_BS)
        if self.decoder.initial_state == "backward":
            last_BD = last_BD[:, last_BD.shape[1] // 2 :]
        source = self.attention.make_memory(self.annotation_dropout(annotation_BSD), mask_BS)
        return Encoded(source, torch.tanh(self.bridge(last_BD)))

    def start(self, encoded: Encoded, num_hypotheses: int) -> RecurrentState:
        """s_0 for every hypothesis, and a context of zeros."""
        first_RD = encoded.first_BD.repeat_interleave(num_hypotheses, 0)
        hidden = (first_RD, torch.zeros_like(first_RD))[: self.num_parts]
        context_RC = first_RD.new_zeros(len(first_RD), self.attention.context_dim)
        return RecurrentState((encoded.source,), num_hypotheses, hidden, context_RC)

    def advance(self, previous_BN: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """One word for every hypothesis."""
        embedded_R1E = self.embedding_dropout(self.embeddings.target(previous_BN.reshape(-1, 1)))
        step, state = self.step(self.cell.gates(embedded_R1E.squeeze(1)), state)
        return self.readout(step, embedded_R1E).view(*previous_BN.shape, -1), state

    def forward(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        """Readouts of all target positions."""
        embedded_BTE = self.embedding_dropout(self.embeddings.target(previous_BT))
        step = self.decode(embedded_BTE, self.start(self.encode(source_BS, mask_BS), 1), need_weights=False)
        return self.readout(step, embedded_BTE)

    def weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Weights of the one attention, as 'cross.1'; none without attention."""
        embedded_BTE = self.embedding_dropout(self.embeddings.target(previous_BT))
        step = self.decode(embedded_BTE, self.start(self.encode(source_BS, mask_BS), 1), need_weights=True)
        return {} if step.weight_BHTS is None else {"cross.1": step.weight_BHTS}

    def decode(self, embedded_BTE: Tensor, state: RecurrentState, *, need_weights: bool) -> Step:
        """All positions: in one sweep where no state depends on a context, else word by word."""
        if self.context_cell is None and not self.decoder.input_feeding:
            return self.sweep(embedded_BTE, state, need_weights)
        steps = []
        for gate_BG in self.cell.gates(embedded_BTE).unbind(1):
            step, state = self.step(gate_BG, state, need_weights)
            steps.append(step)
        states, contexts, weights = zip(*steps, strict=True)
        seen = torch.cat(weights, 2) if weights[0] is not None else None
        return Step(torch.cat(states, 1), torch.cat(contexts, 1), seen)

    def sweep(self, embedded_BTE: Tensor, state: RecurrentState, need_weights: bool) -> Step:
        """The whole recurrence first, then all queries at once."""
        state_BTD = self.cell.sweep(embedded_BTE, state.hidden)
        query_BTD = state_BTD
        if self.decoder.query == "previous":
            query_BTD = torch.cat((state.hidden[0].unsqueeze(1), state_BTD[:, :-1]), 1)
        context_BTC, weight_BHTS = self.attention(query_BTD, state.sources[0], need_weights=need_weights)
        return Step(state_BTD, context_BTC, weight_BHTS)

    def step(self, gate_RG: Tensor, state: RecurrentState, need_weights: bool = False) -> tuple[Step, RecurrentState]:
        """One position, its word's share of the gates given: the equations at the top of this file."""
        hidden, context_RC, weight_BH1S = state.hidden, state.context_RC, None
        if self.decoder.query == "previous":
            context_RC, weight_BH1S = self.look(hidden[0], state, need_weights)
        fed_RC = context_RC if self.decoder.input_feeding else context_RC[:, :0]
        hidden = self.cell.step(gate_RG, fed_RC, hidden)
        if self.decoder.query != "previous":
            context_RC, weight_BH1S = self.look(hidden[0], state, need_weights)
        if self.context_cell is not None:
            hidden = self.context_cell.step(self.context_cell.gates(context_RC), context_RC[:, :0], hidden)
        step = Step(hidden[0].unsqueeze(1), context_RC.unsqueeze(1), weight_BH1S)
        return step, replace(state, hidden=hidden, context_RC=context_RC)

    def look(self, query_RD: Tensor, state: RecurrentState, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """(context_RC, weights): the N hypotheses of a sentence are N queries to its one memory."""
        query_BND = query_RD.view(-1, state.num_hypotheses, query_RD.shape[-1])
        context_BNC, weight = self.attention(query_BND, state.sources[0], need_weights=need_weights)
        return context_BNC.reshape(len(query_RD), -1), weight

    def readout(self, step: Step, embedded_RTE: Tensor) -> Tensor:
        """hidden_RTE: the larger of each pair of a linear map's outputs (maxout, Goodfellow et al. 2013)."""
        both = torch.cat((step.state_RTD, embedded_RTE, step.context_RTC), -1)
        pairs = self.readout_proj(both).unflatten(-1, (-1, 2))
        return self.readout_dropout(pairs.amax(-1))  # type: ignore[no-any-return]
