"""Attention of translations between words: cross-attention from translation to source, and self-attention of both.

The weights come from one pass of the model with the finished translation as decoder input. Row t belongs to the step that
produces token t, whichever recurrent state is its query, so rows are never shifted. Source and translation end in EOS, which has
its own column and row: it can be attended to, and it has to be produced. In self-attention of the decoder, the columns are the
tokens that it has read: BOS and the translation, one place to the right.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
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
from translator.jobs.inspect.views import KINDS, Choice, View, sheet_title, views_of
from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.translator import Translator
from translator.report.heat_map import HeatMap, Sheet
from translator.runs.folder import VALIDATION_LINKS, HeldOut, RunFolder
from translator.runs.records import AlignedLayer
from translator.text.batches import EncodedLines, EncodedPairs, TokenBatches
from translator.text.tokenizer import BOS, EOS, Tokenizer

NOTICE = "Weights show what the model attends to, not why (Jain and Wallace 2019; Wiegreffe and Pinter 2019)."
_BATCH_TOKENS = 2048
"""Small, since one batch holds the attention weights of all layers."""


class AttentionMap(NamedTuple):
    """The attention weights of one translation in one view."""

    source: Words  # attended to, one per column: the source, or what the decoder has read
    target: Words  # of the queries, one per row
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
    def sheet(self) -> Sheet:
        """The map as a picture of its own."""
        return Sheet(self.view.title, [self.heat_map("")])

    def heat_map(self, title: str) -> HeatMap:
        return HeatMap(self.weight, self.target.words, self.source.words, title)

    def as_record(self) -> dict[str, Any]:
        """Return everything as JSON values, weights rounded to six decimals."""
        record = {
            "view": {**self.view._asdict(), "title": self.view.title},
            "source": self.source._asdict(),
            "target": self.target._asdict(),
            "num_truncated": self.num_truncated,
            "weights": self.weight.round(6).tolist(),
            "token_weights": self.token_weight.round(6).tolist(),
            "alignment": self.alignment,
            "notice": NOTICE,
        }
        if self.view.kind != "cross":
            del record["alignment"]
        return record


class AttentionMaps(NamedTuple):
    """The attention weights of one translation in one or several views."""

    maps: list[AttentionMap]

    @property
    def alignment(self) -> str:
        return self.maps[0].alignment

    @property
    def sheets(self) -> list[Sheet]:
        """A large map, or for each kind of attention a sheet of small ones."""
        if len(self.maps) == 1:
            return [self.maps[0].sheet]
        sheets = []
        for _, same in groupby(self.maps, key=lambda attention_map: attention_map.view.kind):
            maps = list(same)
            views = [attention_map.view for attention_map in maps]
            small = [attention_map.heat_map(attention_map.view.short_title) for attention_map in maps]
            # The heads of a layer side by side or, with one head each, all layers.
            in_layer = sum(view.layer == views[0].layer for view in views)
            sheets.append(Sheet(sheet_title(views), small, in_layer if in_layer > 1 else len(small)))
        return sheets

    def as_record(self) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the record of the map, or a list with the record of each view."""
        records = [attention_map.as_record() for attention_map in self.maps]
        return records[0] if len(records) == 1 else records


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
    """Computes attention maps of a loaded run, in one view or several.

    `kind` is one of KIND_OPTIONS. A layer or head is a number, "all" or None. Without `head`, heads are averaged. Without
    `layer`, a sheet of all heads and self-attention are viewed in all layers. Cross-attention of several layers is viewed in the
    one with the lowest alignment error on the run's validation pairs, if the corpus has alignments for them or the record of a
    packed run names it. Otherwise it is viewed in the last layer but one, which often aligns best (Garg et al. 2019). Raises
    UsageError for a kind, layer or head that does not exist, and if the mechanism has no attention weights. Translations are
    shown by `unit`; gold alignments are always between words.
    """

    def __init__(
        self,
        translator: Translator,
        run: RunFolder,
        *,
        layer: Choice,
        head: Choice,
        kind: str = "cross",
        unit: Unit = "word",
    ) -> None:
        self._translator, self._unit, self._device = translator, unit, translator.model.output.weight.device
        self.aligned_layer: AlignedLayer | None = None
        self.shapes = self._shapes()
        if kind == "cross" and kind not in self.shapes:
            mechanism = self._translator.config.decoder.model_dump()["cross_attention"]["mechanism"]
            problem = f"the run's decoder.cross_attention.mechanism is {mechanism!r}, which has no attention weights"
            others = f"--kind {' or '.join(self.shapes)}, or " if self.shapes else ""
            raise UsageError("attention", problem, f"choose {others}a run with another mechanism")
        self.views = views_of(self.shapes, kind, layer, head)
        if kind == "cross" and layer is None and head != "all" and len(self.views) > 1:
            self.views = [self._best_aligned(run, self.views)]

    @property
    def view(self) -> View:
        """The view, or the first of several."""
        return self.views[0]

    def _shapes(self) -> dict[str, tuple[int, int]]:
        """Return the numbers of layers and heads of each kind of attention of the model."""
        token_11 = torch.full((1, 1), EOS, device=self._device)
        weights = self._attention(token_11, token_11 == EOS, torch.full_like(token_11, BOS))
        return {kind: (len(weight_LBHTS), weight_LBHTS.shape[2]) for kind, weight_LBHTS in weights.items()}

    def _best_aligned(self, run: RunFolder, views: Sequence[View]) -> View:
        """Return the view of the layer that aligns best on validation pairs; if that is not known, of the last but one."""
        gold = run.path / VALIDATION_LINKS
        if gold.is_file():
            scores = self._score_views(run.split("validation"), gold, views)
            error_rate, best = min(zip((score.error_rate for score in scores), views, strict=True))
            self.aligned_layer = AlignedLayer(layer=best.layer, error_rate=error_rate)
        elif run.is_run:
            self.aligned_layer = run.record().corpus.validation.aligned_layer
        if self.aligned_layer is not None and self.aligned_layer.layer <= len(views):
            reason = f"lowest alignment error on validation, {self.aligned_layer.error_rate:.3f}"
            return views[self.aligned_layer.layer - 1]._replace(reason=reason)
        return views[-2]._replace(reason="the last but one")

    def view_translations(self, translations: Sequence[tuple[str, Candidate]]) -> list[AttentionMap | None]:
        """Return the map of each source with its translation in the first view, None for a blank source."""
        return [maps and maps.maps[0] for maps in self.view_all(translations, self.views[:1])]

    def view_all(
        self, translations: Sequence[tuple[str, Candidate]], views: Sequence[View] | None = None
    ) -> list[AttentionMaps | None]:
        """Return the maps of each source with its translation, by default in all views, None for a blank source."""
        filled = [number for number, (source, _) in enumerate(translations) if source.strip()]
        sources = self._translator.tokenizer.encode_source([translations[number][0].strip() for number in filled])
        candidates = [translations[number][1] for number in filled]
        targets = [[*candidate.ids, EOS] if candidate.is_finished else list(candidate.ids) for candidate in candidates]
        found: list[AttentionMaps | None] = [None] * len(translations)
        for index, maps in self.view_pairs(sources, targets, self.views if views is None else views, self._unit):
            source = translations[filled[index]][0].strip()
            num_read = self._translator.tokenizer.count_slots(sources[index][-self._translator.max_source_tokens :])
            found[filled[index]] = AttentionMaps([self._with_strings(one, source, num_read) for one in maps])
        return found

    def _with_strings(self, attention_map: AttentionMap, source: str, num_read: int) -> AttentionMap:
        """Return a map with protected strings in place of slots; the model has read the last `num_read` slots of the source."""
        protection = self._translator.tokenizer.protection
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
            weights = self._attention(batch.source_BS, batch.mask_BS, batch.previous_BT)
            for row, number in enumerate(sentences.tolist()):
                source = Words.of(tokenizer.source_tokens(read[number]), unit)
                target = Words.of(tokenizer.target_tokens(targets[number]), unit)
                num_truncated = len(Words.of(tokenizer.source_tokens(sources[number]), unit).words) - len(source.words)
                axes = {
                    "cross": (target, source),
                    "encoder": (source, source),
                    "decoder": (target, _read_by_decoder(target)),
                }
                maps = []
                for view in views:
                    rows, columns = axes[view.kind]
                    weight_LHTS = weights[view.kind][:, row, :, : len(rows.tokens), : len(columns.tokens)]  # no padding
                    maps.append(AttentionMap(columns, rows, view.select(weight_LHTS), view, num_truncated))
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
    def _attention(self, source_BS: Tensor, mask_BS: Tensor, previous_BT: Tensor) -> dict[str, Tensor]:
        """Return weight_LBHTS of each kind of attention that has weights, the first layer first."""
        weights = self._translator.model.attention_weights(source_BS, mask_BS, previous_BT)
        layers = {kind: [weights[name] for name in weights if name.startswith(f"{kind}.")] for kind in KINDS}
        return {kind: torch.stack(own) for kind, own in layers.items() if own}


def _read_by_decoder(target: Words) -> Words:
    """Return what the decoder has read when it writes each token: BOS and the target without its last token."""
    before = target.tokens[:-1]
    # BOS is word 0, which moves all others by one.
    words = [0, *(word + 1 for word in target.word_of_token[:-1])]
    return Words(["<s>", *target.words[: max(words)]], ["<s>", *before], words)
