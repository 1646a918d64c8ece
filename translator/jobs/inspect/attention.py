"""Cross-attention of translations, between words of the source and words of the translation.

The weights come from one pass of the model with the finished translation as decoder input. Row t belongs to the step
that produces token t, whichever recurrent state is its query, so rows are never shifted. Source and translation end in
EOS, which has its own column and row: it can be attended to, and it has to be produced.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from translator.errors import UsageError
from translator.evaluation.alignment import (
    AlignmentScore,
    Links,
    Unit,
    Weights,
    Words,
    pharaoh,
    read_gold,
    score_links,
    strongest_links,
    word_weights,
)
from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.translator import Translator
from translator.report.heat_map import HeatMap
from translator.runs.folder import VALIDATION_LINKS, HeldOut, RunFolder
from translator.runs.records import AlignedLayer
from translator.text.batches import EncodedLines, EncodedPairs, TokenBatches
from translator.text.tokenizer import BOS, EOS, Tokenizer

NOTICE = "Weights show what the model attends to, not why (Jain and Wallace 2019; Wiegreffe and Pinter 2019)."
_BATCH_TOKENS = 2048
"""Small, since one batch holds the attention weights of all layers."""


class View(NamedTuple):
    """A choice of layer and head, both counted from 1."""

    layer: int
    num_layers: int
    head: int | None  # None: the average of all heads
    num_heads: int
    reason: str = ""  # why this layer, if the user did not choose it

    @property
    def title(self) -> str:
        """The choice in words, for the caption of a figure."""
        parts = ["cross-attention"]
        if self.num_layers > 1:
            parts.append(f"layer {self.layer} of {self.num_layers}")
        if self.num_heads > 1:
            heads = self.num_heads
            parts.append(f"average of {heads} heads" if self.head is None else f"head {self.head} of {heads}")
        if self.reason:
            parts.append(self.reason)
        return ", ".join(parts)

    def select(self, weight_LHTS: Tensor) -> Weights:
        """Return weight_TS of this layer and head."""
        weight_HTS = weight_LHTS[self.layer - 1]
        return (weight_HTS.mean(0) if self.head is None else weight_HTS[self.head - 1]).double().cpu().numpy()


class AttentionMap(NamedTuple):
    """The attention weights of one translation."""

    source: Words
    target: Words
    token_weight: Weights  # (T, S)
    view: View
    num_truncated: int  # words at the start of a source that is too long, which are not in `source`

    @property
    def weight(self) -> Weights:
        """weight_TS between words."""
        return word_weights(self.token_weight, self.target, self.source)

    @property
    def links(self) -> Links:
        """Each target word with the source word of its largest weight, counted from the start of the sentence."""
        pairs = strongest_links(self.weight, self.target, self.source)
        return frozenset((source + self.num_truncated, target) for source, target in pairs)

    @property
    def alignment(self) -> str:
        return pharaoh(self.links)

    @property
    def heat_map(self) -> HeatMap:
        return HeatMap(self.weight, self.target.words, self.source.words, self.view.title)

    def as_record(self) -> dict[str, Any]:
        """Return everything as JSON values, weights rounded to six decimals."""
        return {
            "view": {**self.view._asdict(), "title": self.view.title},
            "source": self.source._asdict(),
            "target": self.target._asdict(),
            "num_truncated": self.num_truncated,
            "weights": self.weight.round(6).tolist(),
            "token_weights": self.token_weight.round(6).tolist(),
            "alignment": self.alignment,
            "notice": NOTICE,
        }


class Agreement(NamedTuple):
    """How well attention weights agree with gold alignments."""

    error_rate: float
    precision: float
    recall: float
    view: str


def encode_stripped(
    tokenizer: Tokenizer, source: Sequence[str], target: Sequence[str]
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the token ids of both sides of each pair, without spaces at the ends of the lines."""
    return tokenizer.encode_pairs([line.strip() for line in source], [line.strip() for line in target])


def word_counts(tokenizer: Tokenizer, source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """Return the number of words of both sides of each pair, as alignments count them."""
    sources, targets = encode_stripped(tokenizer, source, target)
    tokens = zip(map(tokenizer.source_tokens, sources), map(tokenizer.target_tokens, targets), strict=True)
    return [(Words.of(source).num_words, Words.of(target).num_words) for source, target in tokens]


class AttentionViewer:
    """Computes attention maps of a loaded run, in one layer and head.

    Without `layer`, a model of several layers is viewed in the one with the lowest alignment error on the run's
    validation pairs, if the corpus has alignments for them or the record of a packed run names it. Otherwise it is viewed
    in the last layer but one, which often aligns best (Garg et al. 2019). Without `head`, heads are averaged. Raises
    UsageError for a layer or head that does not exist, and if the mechanism has no attention weights. Translations are shown
    by `unit`; gold alignments are always between words.
    """

    def __init__(
        self, translator: Translator, run: RunFolder, *, layer: int | None, head: int | None, unit: Unit = "word"
    ) -> None:
        self._translator, self._unit, self._device = translator, unit, translator.model.output.weight.device
        token_11 = torch.full((1, 1), EOS, device=self._device)
        probe = self._cross_attention(token_11, token_11 == EOS, torch.full_like(token_11, BOS))
        num_layers, _, num_heads, *_ = probe.shape
        for name, number, count in (("--layer", layer, num_layers), ("--head", head, num_heads)):
            if number is not None and not 1 <= number <= count:
                raise UsageError(name, f"found {number}, expected 1 to {count}", "the run has no other")
        views = [View(number, num_layers, head, num_heads) for number in range(1, num_layers + 1)]
        gold = run.path / VALIDATION_LINKS
        self.aligned_layer: AlignedLayer | None = None
        if layer is not None or num_layers == 1:
            self.view = views[(layer or 1) - 1]
            return
        if gold.is_file():
            scores = self._score_views(run.split("validation"), gold, views)
            error_rate, best = min(zip((score.error_rate for score in scores), views, strict=True))
            self.aligned_layer = AlignedLayer(layer=best.layer, error_rate=error_rate)
        elif run.is_run:
            self.aligned_layer = run.record().corpus.validation.aligned_layer
        if self.aligned_layer is not None and self.aligned_layer.layer <= num_layers:
            reason = f"lowest alignment error on validation, {self.aligned_layer.error_rate:.3f}"
            self.view = views[self.aligned_layer.layer - 1]._replace(reason=reason)
        else:
            self.view = views[-2]._replace(reason="the last but one")

    def view_translations(self, translations: Sequence[tuple[str, Candidate]]) -> list[AttentionMap | None]:
        """Return the map of each source with its translation, None for a blank source."""
        filled = [number for number, (source, _) in enumerate(translations) if source.strip()]
        sources = self._translator.tokenizer.encode_source([translations[number][0].strip() for number in filled])
        candidates = [translations[number][1] for number in filled]
        targets = [[*candidate.ids, EOS] if candidate.is_finished else list(candidate.ids) for candidate in candidates]
        maps: list[AttentionMap | None] = [None] * len(translations)
        for index, (attention_map,) in self.view_pairs(sources, targets, [self.view], self._unit):
            maps[filled[index]] = self._with_strings(attention_map, translations[filled[index]][0].strip())
        return maps

    def _with_strings(self, attention_map: AttentionMap, source: str) -> AttentionMap:
        """Return a map whose words show protected strings instead of slots."""
        protection = self._translator.tokenizer.protection
        num_read = sum(token in protection.slots for token in attention_map.source.tokens)
        read, written = (
            words._replace(words=protection.fill(words.words, source, num_read)[0])
            for words in (attention_map.source, attention_map.target)
        )
        return attention_map._replace(source=read, target=written)

    def agreement(self, test: HeldOut, gold: Path) -> Agreement:
        """Compare the links between sources and reference translations with a file of gold alignments."""
        return Agreement(*self._score_views(test, gold, [self.view])[0], self.view.title)

    def view_pairs(
        self, sources: Sequence[list[int]], targets: Sequence[list[int]], views: Sequence[View], unit: Unit = "word"
    ) -> Iterator[tuple[int, list[AttentionMap]]]:
        """Yield (number of the pair, its map in each view), in order of length; finished targets end in EOS."""
        tokenizer = self._translator.tokenizer
        read = [source[-self._translator.max_source_tokens :] for source in sources]
        pairs = EncodedPairs(EncodedLines.of(read), EncodedLines.of(targets))
        batches = TokenBatches(pairs, batch_tokens=_BATCH_TOKENS, pool_size=len(sources), seed=0)
        for sentences in batches.cut(np.arange(len(sources))):
            batch = pairs.batch(sentences).to(self._device)
            weight_BLHTS = self._cross_attention(batch.source_BS, batch.mask_BS, batch.previous_BT).transpose(0, 1)
            for number, weight_LHTS in zip(sentences.tolist(), weight_BLHTS, strict=True):
                source = Words.of(tokenizer.source_tokens(read[number]), unit)
                target = Words.of(tokenizer.target_tokens(targets[number]), unit)
                num_truncated = len(Words.of(tokenizer.source_tokens(sources[number]), unit).words) - len(source.words)
                weight_LHTS = weight_LHTS[..., : len(targets[number]), : len(read[number])]  # without padding
                maps = [AttentionMap(source, target, view.select(weight_LHTS), view, num_truncated) for view in views]
                yield number, maps

    def _score_views(self, test: HeldOut, gold: Path, views: Sequence[View]) -> list[AlignmentScore]:
        tokenizer = self._translator.tokenizer
        expected = read_gold(gold, word_counts(tokenizer, test.source, test.target))
        sources, targets = encode_stripped(tokenizer, test.source, test.target)
        links_of_view: list[list[Links]] = [[frozenset()] * len(sources) for _ in views]
        for number, maps in self.view_pairs(sources, targets, views):
            for all_links, attention_map in zip(links_of_view, maps, strict=True):
                all_links[number] = attention_map.links
        return [score_links(all_links, expected) for all_links in links_of_view]

    @torch.inference_mode()
    def _cross_attention(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        """Return weight_LBHTS, the first layer first."""
        weights = self._translator.model.attention_weights(source_BS, mask_BS, previous_BT)
        layers = [weight_BHTS for name, weight_BHTS in weights.items() if name.startswith("cross.")]
        if not layers:
            mechanism = self._translator.config.decoder.model_dump()["cross_attention"]["mechanism"]
            problem = f"the run's decoder.cross_attention.mechanism is {mechanism!r}, which has no attention weights"
            raise UsageError("attention", problem, "choose a run with another mechanism")
        return torch.stack(layers)
