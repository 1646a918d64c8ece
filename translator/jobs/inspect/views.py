"""Which attention weights of a model are shown: the kind of attention, its layers and its heads."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from torch import Tensor

from translator.errors import UsageError
from translator.evaluation.alignment import Weights

KINDS = {
    "cross": ("cross-attention", "rows: the translation, columns: the source"),
    "encoder": ("encoder self-attention", "rows and columns: the source"),
    "decoder": ("decoder self-attention", "rows: the translation, columns: the words before"),
}
"""The kinds of attention by the names that models give them, each with its name in full and its axes."""
KIND_OPTIONS = {**{kind: (kind,) for kind in KINDS}, "self": ("encoder", "decoder")}
"""The values of `--kind`, each with the kinds that it shows."""

Choice: TypeAlias = int | Literal["all"] | None
"""A layer or head, counted from 1; all of them; or the default."""


class View(NamedTuple):
    """A layer and a head of one kind of attention, both counted from 1."""

    layer: int
    num_layers: int
    head: int | None  # None: the average of all heads
    num_heads: int
    reason: str = ""  # why this layer, if the user did not choose it
    kind: str = "cross"

    @property
    def title(self) -> str:
        """The choice in words, for the caption of a figure."""
        parts = [KINDS[self.kind][0]]
        if self.num_layers > 1:
            parts.append(f"layer {self.layer} of {self.num_layers}")
        if self.num_heads > 1:
            heads = self.num_heads
            parts.append(f"average of {heads} heads" if self.head is None else f"head {self.head} of {heads}")
        if self.reason:
            parts.append(self.reason)
        return ", ".join(parts)

    @property
    def short_title(self) -> str:
        """The layer and the head, for a map among others of its kind."""
        return f"layer {self.layer}" + ("" if self.head is None else f", head {self.head}")

    def select(self, weight_LHTS: Tensor) -> Weights:
        """Return weight_TS of this layer and head."""
        weight_HTS = weight_LHTS[self.layer - 1]
        return (weight_HTS.mean(0) if self.head is None else weight_HTS[self.head - 1]).double().cpu().numpy()


def views_of(shapes: Mapping[str, tuple[int, int]], kind: str, layer: Choice, head: Choice) -> list[View]:
    """Return the chosen views of a model; `shapes` has the numbers of layers and heads of each of its kinds of attention.

    A layer that is not chosen is all of them, and a head that is not chosen is the average. Raises UsageError for what the
    model does not have.
    """
    if kind not in KIND_OPTIONS:
        raise UsageError("--kind", f"found {kind!r}, expected one of {', '.join(KIND_OPTIONS)}", "choose one of them")
    if not (kinds := [name for name in KIND_OPTIONS[kind] if name in shapes]):
        known = ", ".join(option for option, names in KIND_OPTIONS.items() if not shapes.keys().isdisjoint(names))
        raise UsageError(
            "--kind", f"found {kind!r}, but the model has attention weights only of: {known}", "choose another"
        )
    views = []
    for name in kinds:
        num_layers, num_heads = shapes[name]
        for option, number, count in (("--layer", layer, num_layers), ("--head", head, num_heads)):
            if isinstance(number, int) and not 1 <= number <= count:
                raise UsageError(option, f"found {number}, expected 1 to {count}", "choose one of them")
        layers = [layer] if isinstance(layer, int) else range(1, num_layers + 1)
        heads = range(1, num_heads + 1) if head == "all" else [head]
        views += [View(own, num_layers, number, num_heads, kind=name) for own in layers for number in heads]
    return views


def sheet_title(views: Sequence[View]) -> str:
    """Return the title above several views of one kind."""
    first, (name, axes) = views[0], KINDS[views[0].kind]
    layers = {view.layer for view in views}
    parts = [name, f"{len(layers)} layers" if len(layers) > 1 else f"layer {first.layer} of {first.num_layers}"]
    if first.num_heads > 1:
        parts.append(f"average of {first.num_heads} heads" if first.head is None else f"{first.num_heads} heads")
    return f"{', '.join(parts)} ({axes})"
