"""What a `Translator` returns about a given translation: log-probabilities and attention weights."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class TargetScore(NamedTuple):
    """How probable a model finds a translation; logarithms are natural."""

    log_prob: float  # of the whole translation and its end, the sum of the next field
    token_log_probs: list[float]  # of each token, given the source and the tokens before it
    tokens: list[str]  # the end token `</s>` is the last


class AttentionWeights(NamedTuple):
    """All attention weights of one translation. The lists have the tokens that label the axes."""

    source: list[str]
    target: list[str]  # the tokens that were predicted, one per query of the decoder
    previous: list[str]  # the tokens that the decoder read: the target, one place to the right
    weights: dict[str, NDArray[np.float32]]
    """From place and layer to weight_HTS, each row of which sums to 1.

    "cross.2" is the attention of the second decoder layer from the target (T) to the source (S), "encoder.1" that from
    source to source, "decoder.1" that from `target` to `previous`. A recurrent model has only "cross.1".
    """
