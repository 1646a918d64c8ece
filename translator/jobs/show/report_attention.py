"""The attention maps of a report: every layer and head of each kind of attention, as the script of the page reads them."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from translator.errors import UsageError
from translator.jobs.inspect.attention import AttentionMap, AttentionMaps, AttentionViewer
from translator.jobs.inspect.views import KINDS, View, views_of
from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.load import load
from translator.runs.folder import HeldOut, RunFolder

MAX_MAP_BYTES = 2_200_000
"""Size of the attention maps of all runs on a page, which keeps it below 4 MB: of some sentences it has one view or no map."""
_MOST_ZEROS = 255 - 100  # in a byte
_BLOCK_SIZE = 64
"""Sentences whose attention maps are in memory at a time."""
_TOO_LONG, _BLANK = "the sentence is too long for a map on this page", "the source is empty"


class RunAttention(NamedTuple):
    """The attention maps of a run, one per sentence, as the page's script reads them."""

    views: Sequence[View]
    default: int
    why_not: str | None
    maps: Sequence[object]

    def as_record(self) -> dict[str, object]:
        """Return the views, without the maps, as the page's script reads them."""
        views = []
        for view in self.views:
            name, axes = KINDS[view.kind]
            views.append({**view._asdict(), "kind_name": name, "axes": axes, "title": view.title})
        return {"views": views, "default": self.default, "no_view": self.why_not}


def run_attention(
    run: RunFolder,
    test: HeldOut,
    best: Sequence[Candidate],
    *,
    order: Sequence[int],
    device: torch.device,
    max_bytes: int,
) -> RunAttention:
    """Return the attention maps of a run's translations, as many as fit into `max_bytes`; all views of those first in `order`."""
    try:
        viewer = AttentionViewer(load(run, device=device), run, layer=None, head=None)
    except UsageError as error:  # the model has no attention weights
        return RunAttention([], 0, error.problem, [None] * len(best))
    shown = viewer.view
    views = [shown if view[:4] == shown[:4] and view.kind == shown.kind else view for view in _all_views(viewer.shapes)]
    default = views.index(shown)
    pairs = list(zip(test.source, best, strict=True))
    blocks = (pairs[first : first + _BLOCK_SIZE] for first in range(0, len(pairs), _BLOCK_SIZE))
    found = [_as_data(maps, default) for block in blocks for maps in viewer.view_all(block, views)]
    return RunAttention(views, default, None, within(found, order, max_bytes))


def _all_views(shapes: Mapping[str, tuple[int, int]]) -> list[View]:
    """Return the average of all heads and each head, of each layer of each kind of attention."""
    views = []
    for kind, (_, num_heads) in shapes.items():
        views += views_of(shapes, kind, "all", None) + (views_of(shapes, kind, "all", "all") if num_heads > 1 else [])
    return views


class MapData(NamedTuple):
    """The maps of a sentence as the page's script reads them: the default view alone, and all views."""

    default: dict[str, str]
    all_views: dict[str, str]


def _as_data(maps: AttentionMaps | None, default: int) -> MapData | str:
    """Return the maps of a sentence, or the reason why there are none."""
    if maps is None:
        return _BLANK
    cross = next(attention_map for attention_map in maps.maps if attention_map.view.kind == "cross")
    if cross.num_truncated:
        return _TOO_LONG
    words = {"source": " ".join(cross.source.words), "target": " ".join(cross.target.words)}
    default_view = words | {"weights": packed(_percent([maps.maps[default]]))}
    for attention_map in maps.maps:
        if attention_map.view.kind == "decoder":
            words["previous"] = " ".join(attention_map.source.words)
    return MapData(default_view, words | {"weights": packed(_percent(maps.maps))})


def _percent(maps: Sequence[AttentionMap]) -> bytes:
    """Return the weights of maps in percent, one byte each."""
    return b"".join(np.rint(100 * one.weight).clip(0, 100).astype(np.uint8).tobytes() for one in maps)


def packed(percent: bytes) -> str:
    """Return percentages in base64, with the byte 100 + n in place of n zeros in a row."""
    zeros = re.compile(b"\0{1,%d}" % _MOST_ZEROS)
    return base64.b64encode(zeros.sub(lambda found: bytes([100 + len(found[0])]), percent)).decode()


def within(found: Sequence[MapData | str], order: Sequence[int], max_bytes: int) -> list[object]:
    """Return the maps that fit: the default view of the shortest sentences, then all views of the first ones in `order`."""
    chosen: list[object] = [_TOO_LONG if isinstance(data, MapData) else data for data in found]
    maps = {number: data for number, data in enumerate(found) if isinstance(data, MapData)}
    left = max_bytes
    # Short sentences first, so that as many as possible have a map.
    for number in sorted(maps, key=lambda number: len(maps[number].default["weights"])):
        left -= len(maps[number].default["weights"])
        if left >= 0:
            chosen[number] = maps[number].default
    for number in filter(maps.__contains__, order):
        left -= len(maps[number].all_views["weights"]) - len(maps[number].default["weights"])
        if left >= 0:
            chosen[number] = maps[number].all_views
    return chosen
