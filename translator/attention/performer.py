"""Kernel attention by positive orthogonal random features (Performer's FAVOR+, Choromanski et al. 2021)."""

import math
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions
from translator.attention.masks import visible

CHUNK = 16  # positions that the causal form takes at once; it changes speed and memory, not results


class PerformerSettings(AttentionSettings):
    """How many random features stand in for the softmax."""

    mechanism: Literal["performer"] = "performer"
    num_features: int = Field(
        64, ge=1, le=10_000, description="random features; the error falls with their square root"
    )
    redraw_every: int = Field(100, ge=0, description="updates after which new features are drawn; 0 never does")
    dropout: float = Field(0.0, ge=0, le=0, description="none: there are no weights to drop")


class PerformerMemory(NamedTuple):
    """Sums over early positions, and the newest ones apart, so that a causal query can see a part of them.

    Feature m of the sums is divided by exp(peak[m]), the largest exponent that went into it.
    """

    sum: Tensor  # (B, H, M, K): sum of phi(k) v
    norm: Tensor  # (B, H, M, 1): sum of phi(k)
    peak: Tensor  # (B, H, M), minus infinity while the sums are empty
    exponent: Tensor  # (B, H, S, M): log phi(k) of the newest positions, or of all if not causal; -inf at padding
    value: Tensor  # (B, H, S, K) of the newest positions, of none if not causal

    def select(self, row_B: Tensor) -> Self:
        """These rows, in this order."""
        return type(self)(*(tensor.index_select(0, row_B) for tensor in self))

    def folded(self, count: int) -> Self:
        """The same with the first `count` of the newest positions added to the sums."""
        if count == 0:
            return self
        early_BHSM, values = self.exponent[:, :, :count], self.value[:, :, :count]
        peak = torch.maximum(self.peak, early_BHSM.detach().amax(2))
        kept_BHM1 = torch.exp(self.peak - finite(peak)).unsqueeze(3)
        feature_BHMS = torch.exp(early_BHSM - finite(peak).unsqueeze(2)).transpose(2, 3)
        return type(self)(
            sum=self.sum * kept_BHM1 + feature_BHMS @ values,
            norm=self.norm * kept_BHM1 + feature_BHMS.sum(3, keepdim=True),
            peak=peak,
            exponent=self.exponent[:, :, count:],
            value=self.value[:, :, count:],
        )


class Performer(Mechanism[PerformerMemory]):
    """exp(q . k) is the mean of phi(q) phi(k), so sums over the memory can be taken before any query is known.

        phi_m(x) = exp(w_m . x - |x|^2 / 2) / sqrt(M)        context = phi(q) (sum phi(k) v) / phi(q) (sum phi(k))

    The w are Gaussian vectors, orthogonal in blocks (section 2.4). They follow from `seed` alone, which is drawn from
    the run's generator and saved with the weights. So that no exponential overflows and no norm vanishes, each feature
    is divided by the largest that this query may see, which cancels; the future never enters, neither does padding,
    whose phi(k) = 0 counts in the norm too. Decoding carries the two sums, whatever the length; time and memory grow
    with n. Its results equal those of a batch's rows, or of one position at a time, to about 1e-5: sums differ in order.
    """

    settings = PerformerSettings
    serves = frozenset({"encoder", "decoder", "cross"})
    needs_dot = True

    def __init__(self, settings: PerformerSettings, options: MechanismOptions) -> None:
        super().__init__(settings, options)
        self.num_features, self.redraw_every, self.causal = settings.num_features, settings.redraw_every, options.causal
        self.scale = math.sqrt(options.score.dot_scale or 1.0)  # half of it goes to the query, half to the key
        self.seed = nn.Parameter(torch.randint(2**62, ()), requires_grad=False)
        self.drawn: tuple[int, Tensor] | None = None

    def begin_update(self, step: int) -> None:
        """Draw new features from the run's generator, when it is time."""
        if self.redraw_every and step % self.redraw_every == 0:
            self.seed.copy_(torch.randint(2**62, ()))

    def directions(self, like: Tensor) -> Tensor:
        """The w of this seed, weight_MK, on the device and of the type of `like`."""
        seed = int(self.seed)
        if self.drawn is None or self.drawn[0] != seed or self.drawn[1].device != like.device:
            with torch.inference_mode(False):  # a search may draw them, a training may use them
                self.drawn = seed, orthogonal_gaussian(self.num_features, like.shape[-1], seed).to(like.device)
        return self.drawn[1].to(like.dtype)

    def exponents(self, x_BHSK: Tensor) -> Tensor:
        """The logarithm of phi(x) but for its constant: exponent_BHSM = W . x - |x|^2 / 2."""
        x_BHSK = x_BHSK * self.scale
        return x_BHSK @ self.directions(x_BHSK).T - x_BHSK.square().sum(-1, keepdim=True) / 2

    def key_exponents(self, key_BHSK: Tensor, mask_BS: Tensor | None) -> Tensor:
        """exponent_BHSM, minus infinity at padding."""
        exponent_BHSM = self.exponents(key_BHSK)
        return exponent_BHSM if mask_BS is None else exponent_BHSM.masked_fill(~mask_BS[:, None, :, None], -math.inf)

    def remember(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> PerformerMemory:
        """Exponents of every position, and their sums where every query sees all of them."""
        batch_size, heads, _, dim = value_BHSK.shape
        empty = value_BHSK.new_zeros(batch_size, heads, self.num_features, dim)
        peak = torch.full_like(empty[..., 0], -math.inf)
        memory = PerformerMemory(empty, empty[..., :1], peak, self.key_exponents(key_BHSK, mask_BS), value_BHSK)
        if self.causal:
            return memory
        return memory.folded(memory.exponent.shape[2])._replace(exponent=memory.exponent)

    def extend(self, memory: PerformerMemory, key_BHSK: Tensor, value_BHSK: Tensor) -> PerformerMemory:
        """Add what was new to the sums, and take in what is new now."""
        memory = memory.folded(memory.exponent.shape[2])
        return memory._replace(exponent=self.key_exponents(key_BHSK, None), value=value_BHSK)

    def attend(
        self, query_BHTK: Tensor, memory: PerformerMemory, *, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """From the sums; weights, while all positions are still there, are phi(q) phi(k) over its sum."""
        exponent_BHTM = self.exponents(query_BHTK)
        num_queries, length = query_BHTK.shape[2], memory.exponent.shape[2]
        weight_BHTS = self.weights(exponent_BHTM, memory) if want_weights else None
        if not self.causal:
            return from_sums(exponent_BHTM, memory), weight_BHTS
        memory, contexts = memory.folded(length - num_queries), []
        for chunk_BHCM in torch.split(exponent_BHTM, CHUNK, 2):
            contexts.append(within_chunk(chunk_BHCM, memory))
            memory = memory.folded(chunk_BHCM.shape[2])
        return torch.cat(contexts, 2), weight_BHTS

    def weights(self, exponent_BHTM: Tensor, memory: PerformerMemory) -> Tensor | None:
        """weight_BHTS, or None where positions are in the sums alone."""
        if self.causal and not torch.isneginf(memory.peak).all():
            return None
        num_queries, length = exponent_BHTM.shape[2], memory.exponent.shape[2]
        seen = visible(None, num_queries, length, causal=self.causal, device=exponent_BHTM.device)
        score_BHTSM = exponent_BHTM.unsqueeze(3) + memory.exponent.unsqueeze(2)
        if seen is not None:
            score_BHTSM = score_BHTSM.masked_fill(~seen.unsqueeze(4), -math.inf)
        score_BHTS = torch.exp(score_BHTSM - finite(score_BHTSM.amax((3, 4), keepdim=True))).sum(4)
        return divided(score_BHTS, score_BHTS.sum(3, keepdim=True))


def from_sums(exponent_BHTM: Tensor, memory: PerformerMemory) -> Tensor:
    """context_BHTK of queries that see all that was summed, and nothing else."""
    exponent_BHTM = exponent_BHTM + memory.peak.unsqueeze(2)
    feature_BHTM = torch.exp(exponent_BHTM - finite(exponent_BHTM.detach().amax(3, keepdim=True)))
    return divided(feature_BHTM @ memory.sum, feature_BHTM @ memory.norm)


def within_chunk(exponent_BHCM: Tensor, memory: PerformerMemory) -> Tensor:
    """context_BHCK of a few queries, each of which sees what was summed and the newest positions up to its own."""
    size = exponent_BHCM.shape[2]
    key_BHCM, value_BHCK = memory.exponent[:, :, :size], memory.value[:, :, :size]
    peak_BHCM = torch.maximum(key_BHCM.detach().cummax(2).values, memory.peak.unsqueeze(2))
    largest_BHC1 = finite((exponent_BHCM.detach() + peak_BHCM).amax(3, keepdim=True))
    future_CC = torch.ones(size, size, dtype=torch.bool, device=exponent_BHCM.device).triu(1)
    pair_BHCCM = (exponent_BHCM - largest_BHC1).unsqueeze(3) + key_BHCM.unsqueeze(2)
    score_BHCC = torch.exp(pair_BHCCM.masked_fill(future_CC.unsqueeze(2), -math.inf)).sum(4)
    feature_BHCM = torch.exp(exponent_BHCM + memory.peak.unsqueeze(2) - largest_BHC1)
    norm_BHC1 = feature_BHCM @ memory.norm + score_BHCC.sum(3, keepdim=True)
    return divided(feature_BHCM @ memory.sum + score_BHCC @ value_BHCK, norm_BHC1)


def finite(largest: Tensor) -> Tensor:
    """What to subtract from exponents: 0 where all of them are minus infinity."""
    return largest.masked_fill(torch.isneginf(largest), 0.0)


def divided(context: Tensor, norm: Tensor) -> Tensor:
    """Context / norm; zero where a query may look nowhere."""
    return context / norm.masked_fill(norm == 0, 1.0)


def orthogonal_gaussian(rows: int, dim: int, seed: int) -> Tensor:
    """weight_MK: rows orthogonal within each block of `dim`, each as long as a Gaussian vector (section 2.4)."""
    generator = torch.Generator().manual_seed(seed)
    blocks = [uniform_rotation(dim, generator) for _ in range(-(-rows // dim))]
    length_M1 = torch.randn(rows, dim, generator=generator, device="cpu").norm(dim=1, keepdim=True)
    direction_MK: Tensor = torch.cat(blocks)[:rows] * length_M1
    return direction_MK


def uniform_rotation(dim: int, generator: torch.Generator) -> Tensor:
    """An orthogonal matrix, each as likely; the signs undo the preference of the QR algorithm (Mezzadri 2007)."""
    rotation, triangle = torch.linalg.qr(torch.randn(dim, dim, generator=generator, device="cpu"))
    uniform: Tensor = rotation * triangle.diagonal().sign()
    return uniform
