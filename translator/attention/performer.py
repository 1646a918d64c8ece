"""Kernel attention by positive orthogonal random features (Performer's FAVOR+, Choromanski et al. 2021)."""

import math
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions
from translator.attention.masks import attention_mask

_CHUNK_SIZE = 16  # positions that the causal form computes at once; affects speed and memory, not results


class PerformerSettings(AttentionSettings):
    """The number of random features and how often they are redrawn."""

    mechanism: Literal["performer"] = "performer"
    num_features: int = Field(
        64,
        ge=1,
        le=10_000,
        description="number of random features; more are slower and, for large queries and keys, only slightly more accurate",
    )
    redraw_every: int = Field(100, ge=0, description="redraw the features every this many updates; 0 never redraws")
    dropout: float = Field(0.0, ge=0, le=0, description="must be 0: there are no attention weights to drop")


class PerformerMemory(NamedTuple):
    """Sums over early positions, and the newest positions one by one, so that a causal query can use some of them.

    Feature m of the sums is divided by exp(peak[m]), its largest exponent so far, so that it cannot overflow.
    """

    sum: Tensor  # (B, H, M, K): sum of phi(k) v
    norm: Tensor  # (B, H, M, 1): sum of phi(k)
    peak: Tensor  # (B, H, M), minus infinity while the sums are empty
    exponent: Tensor  # (B, H, S, M): log phi(k) of the newest positions, or of all if not causal; -inf at padding
    value: Tensor  # (B, H, S, K) of the newest positions; of none if not causal

    def select(self, row_B: Tensor) -> Self:
        return type(self)(*(tensor.index_select(0, row_B) for tensor in self))

    def fold(self) -> Self:
        """Return the memory with the newest positions moved into the sums."""
        if not self.exponent.shape[2]:
            return self
        peak = torch.maximum(self.peak, self.exponent.detach().amax(2))
        # The old sums were divided by exp(old peak); this factor makes that exp(new peak).
        decay_BHM1 = torch.exp(self.peak - _finite(peak)).unsqueeze(3)
        feature_BHMS = torch.exp(self.exponent - _finite(peak).unsqueeze(2)).transpose(2, 3)
        return type(self)(
            sum=self.sum * decay_BHM1 + feature_BHMS @ self.value,
            norm=self.norm * decay_BHM1 + feature_BHMS.sum(3, keepdim=True),
            peak=peak,
            exponent=self.exponent[:, :, :0],
            value=self.value[:, :, :0],
        )


class Performer(Mechanism[PerformerMemory]):
    """Approximates exp(q . k) by the product of features, so that sums over the memory do not depend on the query.

        phi_m(x) = exp(w_m . x - |x|^2 / 2) / sqrt(M)        context = phi(q) (sum phi(k) v) / phi(q) (sum phi(k))

    The w are Gaussian vectors, orthogonal in blocks (section 2.4), so phi(q) phi(k) is an unbiased estimate of exp(q . k)
    with a relative mean square error of at most (exp(|q + k|^2) - 1) / M (lemma 2, theorem 2). If queries and keys are small, the
    error of the context therefore falls as M^-0.5. If they are large, a few features dominate the sums and it hardly
    falls: as M^-0.15 at standard deviation 1 and M^-0.04 at 2 (width 8). Training makes them large: after half of the
    training of `demo-performer` it falls as M^-0.24 and M^-0.14 in the two layers of the encoder, where 64 features come
    about as close to the softmax as equal weights (relative errors 0.49 and 0.67 against 0.41 and 0.75). Even 4,096 features
    leave 0.19 and 0.38, so the default is small; the mechanism is for thousands of positions, not for sentences.

    The w are computed from `seed`, which is drawn from the generator of the run and saved with the parameters. So that no
    exponential overflows and no norm vanishes, features are divided by the largest one among the positions that the query
    may attend to, which cancels in the quotient. Padding has phi(k) = 0. Time and memory grow linearly with the length;
    while decoding, a memory of constant size is carried along. Since sums are taken in another order, a batch equals its
    rows, and decoding equals the full pass, to about 1e-5 only.
    """

    settings = PerformerSettings
    places = frozenset({"encoder", "decoder", "cross"})
    needs_dot = True
    waits_for = "the seed of the random features (performer)"

    def __init__(self, settings: PerformerSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.num_features, self.redraw_every, self.causal = settings.num_features, settings.redraw_every, options.causal
        # dot_scale is shared: scale q . k = (sqrt(scale) q) . (sqrt(scale) k)
        self.scale = math.sqrt(options.score.dot_scale or 1.0)
        self.seed = nn.Parameter(torch.randint(2**62, ()), requires_grad=False)
        self._cached: tuple[int, Tensor] | None = None  # (seed, feature directions)

    def begin_update(self, step: int) -> None:
        """Draw a new seed every `redraw_every` updates."""
        if self.redraw_every and step % self.redraw_every == 0:
            self.seed.copy_(torch.randint(2**62, ()))

    def _directions(self, like: Tensor) -> Tensor:
        """Return direction_MK, the w of the current seed, with the device and type of `like`."""
        seed = int(self.seed)
        if self._cached is None or self._cached[0] != seed or self._cached[1].device != like.device:
            with torch.inference_mode(False):  # drawn during a search, they may be used in training later
                # On the CPU, so that every device has the same.
                self._cached = seed, _orthogonal_gaussian(self.num_features, like.shape[-1], seed).to(like.device)
        return self._cached[1].to(like.dtype)

    def exponents(self, x_BHSK: Tensor) -> Tensor:
        """Return exponent_BHSM = w . x - |x|^2 / 2, the logarithm of phi(x) without its constant factor."""
        x_BHSK = x_BHSK * self.scale
        return x_BHSK @ self._directions(x_BHSK).T - x_BHSK.square().sum(-1, keepdim=True) / 2

    def make_memory(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> PerformerMemory:
        """Compute the exponents of every position, and sum over them if every query attends to all."""
        batch_size, num_heads, _, dim = value_BHSK.shape
        exponent_BHSM = self.exponents(key_BHSK)
        if mask_BS is not None:
            exponent_BHSM = exponent_BHSM.masked_fill(~mask_BS[:, None, :, None], -math.inf)
        empty = value_BHSK.new_zeros(batch_size, num_heads, self.num_features, dim)
        peak = torch.full_like(empty[..., 0], -math.inf)
        memory = PerformerMemory(empty, empty[..., :1], peak, exponent_BHSM, value_BHSK)
        if self.causal:
            return memory
        return memory.fold()._replace(exponent=exponent_BHSM)  # kept for attention weights

    def extend_memory(self, memory: PerformerMemory, key_BHSK: Tensor, value_BHSK: Tensor) -> PerformerMemory:
        """Move the newest positions into the sums and replace them by the given ones."""
        return memory.fold()._replace(exponent=self.exponents(key_BHSK), value=value_BHSK)

    def attend(
        self, query_BHTK: Tensor, memory: PerformerMemory, *, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        exponent_BHTM = self.exponents(query_BHTK)
        num_queries, length = query_BHTK.shape[2], memory.exponent.shape[2]
        weight_BHTS = self._weights(exponent_BHTM, memory) if need_weights else None
        if not self.causal:
            return _attend_to_sums(exponent_BHTM, memory), weight_BHTS
        # Keys and values are cut once. The gradient of a slice is as long as what it was cut from, so a slice of the rest
        # in every chunk would take quadratic time.
        query_chunks = torch.split(exponent_BHTM, _CHUNK_SIZE, 2)
        # The positions before the first query, then those of each chunk of queries.
        sizes = [length - num_queries, *(chunk_BHCM.shape[2] for chunk_BHCM in query_chunks)]
        (early_BHSM, *key_chunks), (early_value, *value_chunks) = (
            torch.split(x, sizes, 2) for x in (memory.exponent, memory.value)
        )
        memory, contexts = memory._replace(exponent=early_BHSM, value=early_value), []
        for query_BHCM, key_BHCM, value_BHCK in zip(query_chunks, key_chunks, value_chunks, strict=True):
            memory = memory.fold()._replace(exponent=key_BHCM, value=value_BHCK)
            contexts.append(_attend_in_chunk(query_BHCM, memory))
        return torch.cat(contexts, 2), weight_BHTS

    def _weights(self, exponent_BHTM: Tensor, memory: PerformerMemory) -> Tensor | None:
        """Return weight_BHTS, phi(q) phi(k) over its sum; None if some positions are available only as sums."""
        if self.causal and not torch.isneginf(memory.peak).all():
            return None
        num_queries, length = exponent_BHTM.shape[2], memory.exponent.shape[2]
        mask = attention_mask(None, num_queries, length, causal=self.causal, device=exponent_BHTM.device)
        score_BHTSM = exponent_BHTM.unsqueeze(3) + memory.exponent.unsqueeze(2)
        if mask is not None:
            score_BHTSM = score_BHTSM.masked_fill(~mask.unsqueeze(4), -math.inf)
        score_BHTS = torch.exp(score_BHTSM - _finite(score_BHTSM.amax((3, 4), keepdim=True))).sum(4)
        return _divide(score_BHTS, score_BHTS.sum(3, keepdim=True))


def _attend_to_sums(exponent_BHTM: Tensor, memory: PerformerMemory) -> Tensor:
    """Return context_BHTK of queries that attend to exactly the positions in the sums."""
    # Adding the peak makes up for the division of the sums by exp(peak). Subtracting each query's largest exponent then
    # changes numerator and norm alike and leaves at least one feature of 1.
    exponent_BHTM = exponent_BHTM + memory.peak.unsqueeze(2)
    feature_BHTM = torch.exp(exponent_BHTM - _finite(exponent_BHTM.detach().amax(3, keepdim=True)))
    return _divide(feature_BHTM @ memory.sum, feature_BHTM @ memory.norm)


def _attend_in_chunk(exponent_BHCM: Tensor, memory: PerformerMemory) -> Tensor:
    """Return context_BHCK of C queries that attend to the sums and to the C newest positions up to their own."""
    size, key_BHCM = exponent_BHCM.shape[2], memory.exponent
    # The largest exponent among the positions that a query attends to; cummax keeps the future out of it.
    peak_BHCM = torch.maximum(key_BHCM.detach().cummax(2).values, memory.peak.unsqueeze(2))
    largest_BHC1 = _finite((exponent_BHCM.detach() + peak_BHCM).amax(3, keepdim=True))
    # Within the chunk, phi(q) phi(k) of every pair of positions ...
    future_CC = torch.ones(size, size, dtype=torch.bool, device=exponent_BHCM.device).triu(1)
    pair_BHCCM = (exponent_BHCM - largest_BHC1).unsqueeze(3) + key_BHCM.unsqueeze(2)
    score_BHCC = torch.exp(pair_BHCCM.masked_fill(future_CC.unsqueeze(2), -math.inf)).sum(4)
    # ... and before the chunk, the sums.
    feature_BHCM = torch.exp(exponent_BHCM + memory.peak.unsqueeze(2) - largest_BHC1)
    norm_BHC1 = feature_BHCM @ memory.norm + score_BHCC.sum(3, keepdim=True)
    return _divide(feature_BHCM @ memory.sum + score_BHCC @ memory.value, norm_BHC1)


def _finite(largest: Tensor) -> Tensor:
    """Replace minus infinity by 0, so that subtracting it from exponents of minus infinity does not give NaN."""
    return largest.masked_fill(torch.isneginf(largest), 0.0)


def _divide(context: Tensor, norm: Tensor) -> Tensor:
    """Divide, but return zero if the norm is zero, as for a query that may attend to nothing."""
    return context / norm.masked_fill(norm == 0, 1.0)


def _orthogonal_gaussian(rows: int, dim: int, seed: int) -> Tensor:
    """Return direction_MK: rows orthogonal within each block of `dim`, with the lengths of Gaussian vectors (section 2.4)."""
    generator = torch.Generator().manual_seed(seed)
    # Rounded up; the surplus rows are cut off below.
    blocks = [_random_rotation(dim, generator) for _ in range(-(-rows // dim))]
    length_M1 = torch.randn(rows, dim, generator=generator, device="cpu").norm(dim=1, keepdim=True)
    direction_MK: Tensor = torch.cat(blocks)[:rows] * length_M1
    return direction_MK


def _random_rotation(dim: int, generator: torch.Generator) -> Tensor:
    """Return a uniformly distributed orthogonal matrix; the signs remove the bias of the QR algorithm (Mezzadri 2007)."""
    rotation, triangle = torch.linalg.qr(torch.randn(dim, dim, generator=generator, device="cpu"))
    uniform: Tensor = rotation * triangle.diagonal().sign()
    return uniform
