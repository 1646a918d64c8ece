"""Kernel attention by positive orthogonal random features (Performer's FAVOR+, Choromanski et al. 2021)."""

import math
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions

CHUNK = 64  # positions that the causal form takes at once; it changes speed and memory, not results


class PerformerSettings(AttentionSettings):
    """How many random features stand in for the softmax."""

    mechanism: Literal["performer"] = "performer"
    num_features: int = Field(64, ge=1, description="random features; the error falls with their square root")
    redraw_every: int = Field(100, ge=0, description="updates after which new features are drawn; 0 never does")


class PerformerMemory(NamedTuple):
    """Sums over all positions but the newest, whose features are kept so that a causal query can see a part of them."""

    sum: Tensor  # (B, H, M, K): sum of phi(k) v
    norm: Tensor  # (B, H, M, 1): sum of phi(k)
    feature: Tensor  # (B, H, S, M): phi(k) of the newest positions, zero at padding
    value: Tensor  # (B, H, S, K)

    def select(self, row_B: Tensor) -> Self:
        """These rows, in this order."""
        return type(self)(*(tensor.index_select(0, row_B) for tensor in self))

    def folded(self, count: int) -> Self:
        """The same with the first `count` of the newest positions added to the sums."""
        early_BHMS, values = self.feature[:, :, :count].transpose(2, 3), self.value[:, :, :count]
        return self._replace(
            sum=self.sum + early_BHMS @ values,
            norm=self.norm + early_BHMS.sum(3, keepdim=True),
            feature=self.feature[:, :, count:],
            value=self.value[:, :, count:],
        )


class Performer(Mechanism[PerformerMemory]):
    """exp(q . k) is the mean of phi(q) phi(k), so sums over the memory can be taken before any query is known.

        phi_m(x) = exp(w_m . x - |x|^2 / 2) / sqrt(M)        context = phi(q) (sum phi(k) v) / phi(q) (sum phi(k))

    The w are Gaussian vectors, orthogonal in blocks (section 2.4). They follow from `seed` alone, which is drawn from
    the run's generator and saved with the weights. For numbers of moderate size phi(q) is divided by its largest
    feature and phi(k) by exp(max |w|^2 / 2), which no data enters, so the future cannot leak; both cancel. Padding has
    phi(k) = 0, in the norm too. Decoding carries the two sums, whatever the length. Time and memory grow with n.
    Its results equal those of a batch's rows, or of one position at a time, to about 1e-5, as the order of sums differs.
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
        """The w of this seed, weight_MK."""
        seed = int(self.seed)
        if self.drawn is None or self.drawn[0] != seed or self.drawn[1].device != like.device:
            self.drawn = seed, orthogonal_gaussian(self.num_features, like.shape[-1], seed).to(like.device)
        return self.drawn[1]

    def exponents(self, x_BHSK: Tensor) -> Tensor:
        """W . x - |x|^2 / 2, exponent_BHSM."""
        x_BHSK = x_BHSK.float() * self.scale
        return x_BHSK @ self.directions(x_BHSK).T - x_BHSK.square().sum(-1, keepdim=True) / 2

    def key_features(self, key_BHSK: Tensor, mask_BS: Tensor | None) -> Tensor:
        """phi(k), zero at padding, times a constant of the features alone."""
        largest = self.directions(key_BHSK).square().sum(1).max() / 2
        feature_BHSM = torch.exp(self.exponents(key_BHSK) - largest)
        return feature_BHSM if mask_BS is None else feature_BHSM.masked_fill(~mask_BS[:, None, :, None], 0.0)

    def query_features(self, query_BHTK: Tensor) -> Tensor:
        """phi(q), each divided by its largest feature."""
        exponent_BHTM = self.exponents(query_BHTK)
        return torch.exp(exponent_BHTM - exponent_BHTM.amax(-1, keepdim=True).detach())

    def remember(self, key_BHSK: Tensor, value_BHSK: Tensor, mask_BS: Tensor | None) -> PerformerMemory:
        """Features of every position; the sums are still empty."""
        feature_BHSM = self.key_features(key_BHSK, mask_BS)
        batch_size, heads, _, dim = value_BHSK.shape
        total = feature_BHSM.new_zeros(batch_size, heads, self.num_features, dim)
        return PerformerMemory(total, total[..., :1], feature_BHSM, value_BHSK)

    def extend(self, memory: PerformerMemory, key_BHSK: Tensor, value_BHSK: Tensor) -> PerformerMemory:
        """Add what was new to the sums, and take in what is new now."""
        memory = memory.folded(memory.feature.shape[2])
        return memory._replace(feature=self.key_features(key_BHSK, None), value=value_BHSK)

    def attend(
        self, query_BHTK: Tensor, memory: PerformerMemory, *, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """From the sums; weights, while all positions are still there, are phi(q) phi(k) over its sum."""
        feature_BHTM = self.query_features(query_BHTK)
        num_queries, length = query_BHTK.shape[2], memory.feature.shape[2]
        weight_BHTS = self.weights(feature_BHTM, memory) if want_weights else None
        if not self.causal:
            whole = memory.folded(length)
            return divided(feature_BHTM @ whole.sum, feature_BHTM @ whole.norm).to(query_BHTK.dtype), weight_BHTS
        memory = memory.folded(length - num_queries)
        contexts = []
        for chunk_BHCM in torch.split(feature_BHTM, CHUNK, 2):
            size = chunk_BHCM.shape[2]
            score_BHCC = (chunk_BHCM @ memory.feature[:, :, :size].transpose(2, 3)).tril()
            context = chunk_BHCM @ memory.sum + score_BHCC @ memory.value[:, :, :size]
            contexts.append(divided(context, chunk_BHCM @ memory.norm + score_BHCC.sum(3, keepdim=True)))
            memory = memory.folded(size)
        return torch.cat(contexts, 2).to(query_BHTK.dtype), weight_BHTS

    def weights(self, feature_BHTM: Tensor, memory: PerformerMemory) -> Tensor | None:
        """weight_BHTS, or None where positions are in the sums already."""
        if memory.norm.any():
            return None
        score_BHTS = feature_BHTM @ memory.feature.transpose(2, 3)
        if self.causal:
            score_BHTS = score_BHTS.tril(score_BHTS.shape[3] - score_BHTS.shape[2])
        return divided(score_BHTS, score_BHTS.sum(3, keepdim=True))


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
