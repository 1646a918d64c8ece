"""The layers of a Transformer (Vaswani et al. 2017).

    encoder layer:  x + self_attention(x),   x + feed_forward(x)
    decoder layer:  x + self_attention(x, the past),   x + cross_attention(x, source),   x + feed_forward(x)

Pre-norm normalises the input of each sublayer (Xiong et al. 2020), post-norm the result of each sum, as in the paper.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from translator.attention.core import Attention
from translator.attention.interface import Place
from translator.ops.choice import Ops
from translator.ops.layers import Dropout, Linear

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class AttentionRecorder:
    """Collects the attention weights of a forward pass: one weight_BHTS per place and layer."""

    def __init__(self) -> None:
        self.layers: dict[Place, list[Tensor]] = defaultdict(list)

    def record(self, place: Place, weight_BHTS: Tensor | None) -> None:
        """Add the weights of the next layer; a mechanism without attention weights adds none."""
        if weight_BHTS is not None:
            self.layers[place].append(weight_BHTS)


class Residual(nn.Module):
    """The residual connection around a sublayer: x + dropout(sublayer(x)), with the norm before or after it."""

    def __init__(self, dim: int, *, pre_norm: bool, dropout: float, ops: Ops) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(dropout, ops=ops)
        self.pre_norm = pre_norm

    def sublayer_input(self, x_BTD: Tensor) -> Tensor:
        return self.norm(x_BTD) if self.pre_norm else x_BTD

    def add(self, x_BTD: Tensor, sublayer_output_BTD: Tensor) -> Tensor:
        sum_BTD: Tensor = x_BTD + self.dropout(sublayer_output_BTD)
        return sum_BTD if self.pre_norm else self.norm(sum_BTD)


class FeedForward(nn.Module):
    """W2 activation(W1 x), at each position separately (section 3.3)."""

    def __init__(
        self, dim: int, inner_dim: int, activation: Callable[[Tensor], Tensor], *, dropout: float, ops: Ops
    ) -> None:
        super().__init__()
        self.inner_proj = Linear(dim, inner_dim, ops=ops, stays_short=True)
        self.outer_proj = Linear(inner_dim, dim, ops=ops, stays_short=True)
        self.activation = activation
        self.dropout = Dropout(dropout, ops=ops)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.outer_proj(self.dropout(self.activation(self.inner_proj(x_BTD))))  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(
        self, self_attention: Attention, feed_forward: FeedForward, new_residual: Callable[[], Residual]
    ) -> None:
        super().__init__()
        self.self_attention, self.feed_forward = self_attention, feed_forward
        self.attention_residual, self.forward_residual = new_residual(), new_residual()

    def forward(self, x_BSD: Tensor, mask_BS: Tensor, recorder: AttentionRecorder | None = None) -> Tensor:
        """Return the states after this layer, in the same shape."""
        input_BSD, records = self.attention_residual.sublayer_input(x_BSD), recorder is not None
        context_BSD, weight_BHSS, _ = self.self_attention.attend_to_self(input_BSD, mask_BS, need_weights=records)
        if recorder is not None:
            recorder.record("encoder", weight_BHSS)
        x_BSD = self.attention_residual.add(x_BSD, context_BSD)
        return self.forward_residual.add(x_BSD, self.feed_forward(self.forward_residual.sublayer_input(x_BSD)))


class DecoderLayer(nn.Module):
    """Self-attention to the past, cross-attention to the source, then feed-forward."""

    def __init__(
        self,
        self_attention: Attention,
        cross_attention: Attention,
        feed_forward: FeedForward,
        new_residual: Callable[[], Residual],
    ) -> None:
        super().__init__()
        self.self_attention, self.cross_attention = self_attention, cross_attention
        self.feed_forward = feed_forward
        self.self_residual, self.cross_residual = new_residual(), new_residual()
        self.forward_residual = new_residual()

    def forward(
        self,
        x_RTD: Tensor,
        source_memory: Any,
        *,
        past: Any | None,
        num_hypotheses: int,
        recorder: AttentionRecorder | None = None,
    ) -> tuple[Tensor, Any]:
        """Return the states after this layer and its self-attention memory of `past` and x_RTD; consumes `past`.

        While decoding, the rows of x are R = B N hypotheses with T = 1. The source memory has one row per sentence.
        """
        (rows, length, dim), records = x_RTD.shape, recorder is not None
        context_RTD, self_weight_RHTS, memory = self.self_attention.attend_to_self(
            self.self_residual.sublayer_input(x_RTD), None, past=past, need_weights=records
        )
        x_RTD = self.self_residual.add(x_RTD, context_RTD)
        # The N hypotheses of a sentence become N queries to its one memory, so the memory need not be repeated.
        query_BQD = self.cross_residual.sublayer_input(x_RTD).view(rows // num_hypotheses, num_hypotheses * length, dim)
        context_BQD, cross_weight_BHQS = self.cross_attention(query_BQD, source_memory, need_weights=records)
        x_RTD = self.cross_residual.add(x_RTD, context_BQD.view(rows, length, dim))
        if recorder is not None:
            recorder.record("decoder", self_weight_RHTS)
            recorder.record("cross", cross_weight_BHQS)
        x_RTD = self.forward_residual.add(x_RTD, self.feed_forward(self.forward_residual.sublayer_input(x_RTD)))
        return x_RTD, memory
