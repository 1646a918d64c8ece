"""The settings of a recurrent encoder-decoder; `recurrent.py` has the equations."""

from typing import Annotated, Literal

from pydantic import Field

from translator.attention.build import AttentionTable
from translator.attention.full import FullSettings
from translator.models.cells import CELLS
from translator.models.layers import TYING, WORD_DROPOUT, Tying
from translator.ops.dropout import ROUNDING
from translator.settings import NameIn, Probability, Settings


class RecurrentSettings(Settings):
    """`[model]` of a recurrent encoder-decoder."""

    architecture: Literal["recurrent"] = "recurrent"
    cell: Annotated[str, NameIn(CELLS)] = Field("gru", description="recurrent cell of encoder and decoder")
    embedding_dim: int = Field(256, ge=1, description="width of the embeddings")
    tied_embeddings: Tying = Field("output", description=TYING)
    residual: bool = Field(False, description="add the input of each layer but the first to its output")
    layer_norm: bool = Field(False, description="normalise the output of each layer")
    word_dropout: Probability = Field(0.0, description=WORD_DROPOUT)
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

    num_layers: int = Field(1, ge=1, le=1000, description="number of layers")
    hidden_dim: int = Field(256, ge=1, le=1_000_000, description="width of the decoder state")
    query: Literal["previous", "current", "conditional"] = Field(
        "previous", description="which decoder state is the query: before the cell, after it, or between two cells"
    )
    input_feeding: bool = Field(True, description="feed the context into the cell, not only into the readout")
    feeds: Literal["context", "readout"] = Field(
        "context",
        description="what input_feeding feeds: the context, or the readout of the token before (Luong et al. 2015)",
    )
    readout: Literal["maxout", "tanh"] = Field(
        "maxout",
        description="from state, embedding and context to the output layer: Bahdanau's maxout, or Luong's tanh",
    )
    initial_state: Literal["backward", "both"] = Field(
        "backward", description="compute s_0 from the last backward state of the encoder, as in the paper, or from both"
    )
    cross_attention: AttentionTable = Field(
        FullSettings(score="additive"), description="attention from the target to the source"
    )
