"""`Attention`: heads and projections around a mechanism, for a recurrent decoder and for every layer of a Transformer.

    query ──query_proj──┐
    memory ─key_proj────┤ split heads ── mechanism(score) ── join heads ──output_proj── context
    memory ─value_proj──┘

The score and the place in the model decide which of the projections exist.
"""

from typing import Any, NamedTuple

from torch import Tensor, nn

from translator.attention.interface import Mechanism, Place, Projection
from translator.ops.choice import Ops
from translator.ops.layers import Linear, apply_together


class Site(NamedTuple):
    """Where in a model an attention module is used."""

    place: Place
    key: str  # its config table, for errors: "decoder.cross_attention"
    query_dim: int  # widths are those of all heads together
    memory_dim: int
    causal: bool
    project_value: bool


class Attention(nn.Module):
    """Multi-head attention from the queries of one sequence to a memory made of another sequence or of the same.

    With `site.project_value`, values and contexts are projected (Vaswani et al. 2017, section 3.2.2); without, the
    context is an average of the memory itself (Bahdanau et al. 2015, eq. 5).

    The key projection has no bias. In a softmax over dot products (full, window, flash) it would add the same number to
    all scores of a query and change nothing. In an additive or concat score, where query and key are added, the bias of a
    projected query has the same effect; with projection = "key" neither has one. In Linformer and Performer a key bias
    would not cancel: Linformer multiplies it by the sum of each row of its projection, and Performer's random features
    only approximate the dot product. For these two, leaving it out is a choice and not an identity.
    """

    def __init__(
        self,
        mechanism: Mechanism[Any],
        site: Site,
        *,
        num_heads: int,
        projection: Projection,
        projected_dim: int,
        ops: Ops,
    ) -> None:
        super().__init__()
        self.mechanism, self.num_heads = mechanism, num_heads
        inner_dim = site.query_dim if site.project_value else site.memory_dim
        self.context_dim = inner_dim if mechanism.has_context else 0
        # A fused kernel takes operands of a short type as they are.
        short = mechanism.fuses and projection == "both" and site.project_value
        self.query_proj: nn.Module = nn.Identity()
        if projection == "both":
            self.query_proj = Linear(site.query_dim, projected_dim, ops=ops, stays_short=short)
        self.key_proj: nn.Module = nn.Identity()
        if projection != "none":
            key_dim = projected_dim if projection == "both" else site.query_dim
            self.key_proj = Linear(site.memory_dim, key_dim, ops=ops, bias=False, stays_short=short)
        self.value_proj: nn.Module = nn.Identity()
        self.output_proj: nn.Module = nn.Identity()
        if site.project_value:
            self.value_proj = Linear(site.memory_dim, inner_dim, ops=ops, stays_short=short)
            self.output_proj = Linear(inner_dim, inner_dim, ops=ops, stays_short=True)

    def make_memory(self, memory_BSD: Tensor, mask_BS: Tensor | None) -> Any:
        """Project a whole memory once; mask_BS is True at real tokens, None if there is no padding."""
        key_BHSK, value_BHSK = self._project(memory_BSD, self.key_proj, self.value_proj)
        return self.mechanism.make_memory(key_BHSK, value_BHSK, mask_BS)

    def forward(self, query_BTD: Tensor, memory: Any, *, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return (context_BTD, weight_BHTS if needed)."""
        (query_BHTK,) = self._project(query_BTD, self.query_proj)
        return self._attend(query_BHTK, memory, need_weights=need_weights)

    def attend_to_self(
        self, x_BTD: Tensor, mask_BT: Tensor | None, *, past: Any | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None, Any]:
        """Self-attention of x, and to the memory `past` of the positions before x, which is consumed.

        Returns (context_BTD, weight_BHTS if needed, the memory of past and x).
        """
        query_BHTK, key_BHTK, value_BHTK = self._project(x_BTD, self.query_proj, self.key_proj, self.value_proj)
        if past is None:
            memory = self.mechanism.make_memory(key_BHTK, value_BHTK, mask_BT)
        else:
            memory = self.mechanism.extend_memory(past, key_BHTK, value_BHTK)
        context_BTD, weight_BHTS = self._attend(query_BHTK, memory, need_weights=need_weights)
        return context_BTD, weight_BHTS, memory

    def _attend(self, query_BHTK: Tensor, memory: Any, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        context_BHTK, weight_BHTS = self.mechanism.attend(query_BHTK, memory, need_weights=need_weights)
        return self.output_proj(join_heads(context_BHTK)), weight_BHTS

    def _project(self, x_BTD: Tensor, *projections: nn.Module) -> list[Tensor]:
        """Return x_BHTK for each of the projections."""
        return [split_heads(projected_BTD, self.num_heads) for projected_BTD in apply_together(projections, x_BTD)]


def split_heads(x_BTD: Tensor, num_heads: int) -> Tensor:
    """Return x_BHTK: each head gets a slice of the width, K = D / H."""
    batch_size, length, dim = x_BTD.shape
    return x_BTD.view(batch_size, length, num_heads, dim // num_heads).transpose(1, 2)


def join_heads(x_BHTK: Tensor) -> Tensor:
    """Return x_BTD: the heads side by side, the inverse of `split_heads`."""
    return x_BHTK.transpose(1, 2).flatten(2)
