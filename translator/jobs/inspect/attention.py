"""Where a model looks: the cross-attention of one forced pass over finished translations, as weights between words.

Row t is the step that produces word t, whichever state a recurrent decoder looks with, so nothing is ever shifted. Both
sentences end in the end mark, which has a column and a row of its own: a model may look at it, and must produce it.
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
    Weights,
    Words,
    pharaoh,
    read_gold,
    score_links,
    strongest_links,
    word_weights,
)
from translator.jobs.translate.translator import Candidate, Translator
from translator.report.heat_map import HeatMap
from translator.runs.folder import VALIDATION_LINKS, HeldOut, RunFolder
from translator.text.batches import EncodedLines, EncodedPairs, TokenBatches
from translator.text.tokenizer import BOS, EOS, Tokenizer

NOTICE = "Weights show where the model looked, not why (Jain and Wallace 2019; Wiegreffe and Pinter 2019)."
PASS_TOKENS = 2048
"""Pieces of a side in one pass: few, since it holds the weights of every layer."""


class View(NamedTuple):
    """Which of a model's weights are looked at. Layers and heads are counted from 1."""

    layer: int
    num_layers: int
    head: int | None  # None: the average of all
    num_heads: int
    chosen_by: str = ""  # why this layer, where nobody named it

    @property
    def title(self) -> str:
        """The view in words."""
        layer = (
            f"cross-attention, layer {self.layer} of {self.num_layers}" if self.num_layers > 1 else "cross-attention"
        )
        heads = f"average of {self.num_heads} heads" if self.head is None else f"head {self.head} of {self.num_heads}"
        return ", ".join(part for part in (layer, heads if self.num_heads > 1 else "", self.chosen_by) if part)

    def of(self, weight_LHTS: Tensor) -> Weights:
        """weight_TS."""
        weight_HTS = weight_LHTS[self.layer - 1]
        return (weight_HTS.mean(0) if self.head is None else weight_HTS[self.head - 1]).double().cpu().numpy()


class AttentionMap(NamedTuple):
    """What one translation looked at."""

    source: Words
    target: Words
    piece_weight: Weights  # (T, S), between pieces
    view: View
    num_unread: int  # words at the beginning of a source that is too long, which are not in `source`

    @property
    def weight(self) -> Weights:
        """weight_TS between words."""
        return word_weights(self.piece_weight, self.target, self.source)

    @property
    def links(self) -> Links:
        """Each target word with its source word, counted from the beginning of the sentence."""
        found = strongest_links(self.weight, self.target, self.source)
        return frozenset((source + self.num_unread, target) for source, target in found)

    @property
    def alignment(self) -> str:
        """The links in Pharaoh form."""
        return pharaoh(self.links)

    @property
    def heat_map(self) -> HeatMap:
        """The picture of it."""
        return HeatMap(self.weight, self.target.words, self.source.words, self.view.title)

    def as_record(self) -> dict[str, Any]:
        """All of it, for JSON; weights to six decimals."""
        return {
            "view": {**self.view._asdict(), "title": self.view.title},
            "source": self.source._asdict(),
            "target": self.target._asdict(),
            "num_unread": self.num_unread,
            "weights": self.weight.round(6).tolist(),
            "piece_weights": self.piece_weight.round(6).tolist(),
            "alignment": self.alignment,
            "notice": NOTICE,
        }


class Agreement(NamedTuple):
    """How well a run's weights agree with gold alignments."""

    error_rate: float
    precision: float
    recall: float
    view: str


def word_counts(tokenizer: Tokenizer, source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """Words of both sides of each pair, as alignments count them."""
    sources = map(tokenizer.source_tokens, tokenizer.encode_source([line.strip() for line in source]))
    targets = map(tokenizer.target_tokens, tokenizer.encode_target([line.strip() for line in target]))
    return [(Words.of(one).num_words, Words.of(two).num_words) for one, two in zip(sources, targets, strict=True)]


class Looker:
    """Looks into a loaded run. Raises UsageError for a layer or head that is not there, or where nothing has weights."""

    def __init__(self, translator: Translator, run: RunFolder, *, layer: int | None, head: int | None) -> None:
        self.translator, self.device = translator, translator.model.output.weight.device
        self.view = self.choose(run, layer, head)

    def look(self, found: Sequence[tuple[str, Candidate]]) -> list[AttentionMap | None]:
        """What each translation looked at, by a forced pass over the pieces that search found; None for a blank line."""
        filled = [number for number, (line, _) in enumerate(found) if line.strip()]
        sources = self.translator.tokenizer.encode_source([found[number][0].strip() for number in filled])
        targets = [[*one.ids, *[EOS] * one.is_finished] for one in (found[number][1] for number in filled)]
        maps: list[AttentionMap | None] = [None] * len(found)
        for index, (one,) in self.maps(sources, targets, [self.view]):
            maps[filled[index]] = one
        return maps

    def agreement(self, test: HeldOut, gold: Path) -> Agreement:
        """How well the links agree with a file of gold ones, forced on the reference translations."""
        return Agreement(*self.scores(test, gold, [self.view])[0], self.view.title)

    def scores(self, test: HeldOut, gold: Path, views: Sequence[View]) -> list[AlignmentScore]:
        """The same for each of some views."""
        tokenizer = self.translator.tokenizer
        expected = read_gold(gold, word_counts(tokenizer, test.source, test.target))
        sources = tokenizer.encode_source([line.strip() for line in test.source])
        targets = tokenizer.encode_target([line.strip() for line in test.target])
        found: list[list[Links]] = [[frozenset()] * len(sources) for _ in views]
        for number, maps in self.maps(sources, targets, views):
            for one, place in zip(maps, found, strict=True):
                place[number] = one.links
        return [score_links(one, expected) for one in found]

    def choose(self, run: RunFolder, layer: int | None, head: int | None) -> View:
        """The layer and head that are asked for, heads averaged where none is.

        Where no layer is named and there are several, it is the one with the lowest alignment error on the run's
        validation pairs if the corpus came with their alignments, else the last but one, which often aligns best
        (Garg et al. 2019).
        """
        one = torch.full((1, 1), EOS, device=self.device)
        num_layers, _, num_heads, *_ = self.cross_weights(one, one == EOS, torch.full_like(one, BOS)).shape
        for name, asked, there in (("--layer", layer, num_layers), ("--head", head, num_heads)):
            if asked is not None and not 1 <= asked <= there:
                raise UsageError(name, f"found {asked}, expected 1 to {there}", "the run has no other")
        views = [View(number, num_layers, head, num_heads) for number in range(1, num_layers + 1)]
        if layer is not None or num_layers == 1:
            return views[(layer or 1) - 1]
        gold = run.path / VALIDATION_LINKS
        if not gold.is_file():
            return views[-2]._replace(chosen_by="the last but one")
        scores = self.scores(run.split("validation"), gold, views)
        error_rate, best = min(zip((one.error_rate for one in scores), views, strict=True))
        return best._replace(chosen_by=f"lowest alignment error on validation, {error_rate:.3f}")

    def maps(
        self, sources: Sequence[list[int]], targets: Sequence[list[int]], views: Sequence[View]
    ) -> Iterator[tuple[int, list[AttentionMap]]]:
        """(number of the pair, its map in each view), in the order of length; targets end in the end mark if they ended."""
        read = [source[-self.translator.max_source_tokens :] for source in sources]
        pairs = EncodedPairs(EncodedLines.of(read), EncodedLines.of(targets))
        batches = TokenBatches(pairs, batch_tokens=PASS_TOKENS, pool_size=len(sources), seed=0)
        tokenizer = self.translator.tokenizer
        for sentences in batches.cut(np.arange(len(sources))):
            batch = batches.batch(sentences).to(self.device)
            weight_BLHTS = self.cross_weights(batch.source_BS, batch.mask_BS, batch.previous_BT).transpose(0, 1)
            for number, weight_LHTS in zip(sentences.tolist(), weight_BLHTS, strict=True):
                source = Words.of(tokenizer.source_tokens(read[number]))
                target = Words.of(tokenizer.target_tokens(targets[number]))
                whole = Words.of(tokenizer.source_tokens(sources[number]))
                weights = (view.of(weight_LHTS[..., : len(target.tokens), : len(source.tokens)]) for view in views)
                unread = len(whole.words) - len(source.words)
                yield number, [AttentionMap(source, target, *pair, unread) for pair in zip(weights, views, strict=True)]

    @torch.inference_mode()
    def cross_weights(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> Tensor:
        """weight_LBHTS, the first layer first."""
        weights = self.translator.model.weights(source_BS, mask_BS, previous_BT)
        layers = [weight_BHTS for name, weight_BHTS in weights.items() if name.startswith("cross.")]
        if not layers:
            mechanism = self.translator.config.decoder.model_dump()["cross_attention"]["mechanism"]
            raise UsageError(
                "attention",
                f"the run's decoder.cross_attention.mechanism is {mechanism!r}, which has no weights over words",
                "look into a run with another one",
            )
        return torch.stack(layers)
