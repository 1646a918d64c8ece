"""`Attention`: the one module that owns heads and projections, for a recurrent decoder and for each place of a Transformer.

    query ──query_proj──┐
    memory ─key_proj────┤ heads ── mechanism(score) ── heads joined ──output_proj── context
    memory ─value_proj──┘

Which of the projections exist follows from the score and from the place; the rest is the mechanism's.
"""

from typing import Any, NamedTuple

from torch import Tensor, nn

from translator.attention.interface import Mechanism, Place, Projection
from translator.ops.choice import Ops
from translator.ops.layers import Linear, apply_together


class Site(NamedTuple):
    """Where in a model an attention stands."""

    place: Place
    key: str  # the config table, for errors: "decoder.cross_attention"
    query_dim: int  # all heads together, as the other widths
    memory_dim: int
    causal: bool
    project_value: bool


class Attention(nn.Module):
    """Queries of one sequence look at a memory made of another, or of the same.

    The key projection has no bias: in a dot product it would shift all scores of a query alike, which a softmax does
    not see, and in an additive score the query's bias stands beside it already. With `site.project_value`, values and
    contexts are projected too (Vaswani et al. 2017, section 3.2.2); without, the context is an average of the memory
    itself (Bahdanau et al. 2015, eq. 5).
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
        inner = site.query_dim if site.project_value else site.memory_dim
        self.context_dim = inner if mechanism.has_context else 0
        self.query_proj = Linear(site.query_dim, projected_dim, ops=ops) if projection == "both" else nn.Identity()
        self.key_proj: nn.Module = nn.Identity()
        if projection != "none":
            key_dim = projected_dim if projection == "both" else site.query_dim
            self.key_proj = Linear(site.memory_dim, key_dim, ops=ops, bias=False)
        self.value_proj = Linear(site.memory_dim, inner, ops=ops) if site.project_value else nn.Identity()
        self.output_proj = Linear(inner, inner, ops=ops) if site.project_value else nn.Identity()

    def remember(self, memory_BSD: Tensor, mask_BS: Tensor | None) -> Any:
        """Project a whole memory once; mask_BS is True at real tokens, None where all are."""
        key_BHSK, value_BHSK = self.project(memory_BSD, self.key_proj, self.value_proj)
        return self.mechanism.remember(key_BHSK, value_BHSK, mask_BS)

    def forward(self, query_BTD: Tensor, memory: Any, *, want_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """(context_BTD, weight_BHTS if wanted)."""
        (query_BHTK,) = self.project(query_BTD, self.query_proj)
        return self.attend(query_BHTK, memory, want_weights=want_weights)

    def look_within(
        self, x_BTD: Tensor, mask_BT: Tensor | None, *, past: Any | None = None, want_weights: bool = False
    ) -> tuple[Tensor, Tensor | None, Any]:
        """Self-attention: x looks at itself, and at the memory of what came before it, which is consumed.

        Returns (context_BTD, weight_BHTS if wanted, the memory of past and x).
        """
        query_BHTK, key_BHTK, value_BHTK = self.project(x_BTD, self.query_proj, self.key_proj, self.value_proj)
        if past is None:
            memory = self.mechanism.remember(key_BHTK, value_BHTK, mask_BT)
        else:
            memory = self.mechanism.extend(past, key_BHTK, value_BHTK)
        context_BTD, weight_BHTS = self.attend(query_BHTK, memory, want_weights=want_weights)
        return context_BTD, weight_BHTS, memory

    def attend(self, query_BHTK: Tensor, memory: Any, *, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """(context_BTD, weight_BHTS if wanted) of projected queries."""
        context_BHTK, weight_BHTS = self.mechanism.attend(query_BHTK, memory, want_weights=want_weights)
        return self.output_proj(join_heads(context_BHTK)), weight_BHTS

    def project(self, x_BTD: Tensor, *projections: nn.Module) -> list[Tensor]:
        """x_BHTK by each of them."""
        return [split_heads(one_BTD, self.num_heads) for one_BTD in apply_together(projections, x_BTD)]


def split_heads(x_BTD: Tensor, num_heads: int) -> Tensor:
    """x_BHTK: each head gets its share of the width, K = D / H."""
    batch_size, length, dim = x_BTD.shape
    return x_BTD.view(batch_size, length, num_heads, dim // num_heads).transpose(1, 2)


def join_heads(x_BHTK: Tensor) -> Tensor:
    """x_BTD: the heads side by side again."""
    return x_BHTK.transpose(1, 2).flatten(2)
