"""From one attention table of a config to a `core.Attention`, refusing what cannot work before anything is read."""

from typing import Any, NamedTuple

from translator.attention import MECHANISMS, SCORES
from translator.attention.core import Attention, Widths
from translator.attention.dot import Dot
from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions, Place, Projection, Score
from translator.errors import UsageError
from translator.ops.choice import Ops


class Site(NamedTuple):
    """Where in a model an attention stands."""

    place: Place
    key: str  # the config table, for errors: "decoder.cross_attention"
    query_dim: int
    memory_dim: int
    causal: bool
    project_value: bool


def read_attention(table: Any) -> AttentionSettings:
    """The settings class of the mechanism that a table names, filled in. For use as a pydantic validator."""
    if isinstance(table, AttentionSettings):
        return table
    if not isinstance(table, dict):
        raise ValueError("expected a table")
    name = table.get("mechanism", "full")
    if name not in MECHANISMS:
        raise ValueError(f"unknown mechanism {name!r}; there are {', '.join(MECHANISMS)}")
    if (score := table.get("score", "scaled_dot")) not in SCORES:
        raise ValueError(f"unknown score {score!r}; there are {', '.join(SCORES)}")
    return MECHANISMS[name].settings.model_validate(table)


def build_attention(settings: AttentionSettings, site: Site, *, ops: Ops) -> Attention:
    """The attention that these settings describe. Raises UsageError for widths or places that do not fit."""
    mechanism_class = MECHANISMS[settings.mechanism]
    if site.place not in mechanism_class.serves:
        able = ", ".join(name for name, other in MECHANISMS.items() if site.place in other.serves)
        raise UsageError(
            f"{site.key}.mechanism",
            f"{settings.mechanism!r} cannot stand here: {mechanism_class.why_not}",
            f"there are {able}",
        )
    if site.project_value and not mechanism_class.has_context:
        raise UsageError(
            f"{site.key}.mechanism", f"{settings.mechanism!r} needs a recurrent decoder", "take another mechanism"
        )
    if not mechanism_class.has_context:
        options = MechanismOptions(Dot(1, 0, 0), site.causal, ops)
        return assemble(mechanism_class(settings, options), settings, site, "none", ops)
    score_class = SCORES[settings.score]
    projection = score_class.projection if settings.projection == "score" else settings.projection
    if settings.dim is not None and projection != "both":
        raise UsageError(
            f"{site.key}.dim", f"found {settings.dim}, but queries are not projected", "set projection to 'both'"
        )
    query_dim, key_dim = compared_widths(settings, site, projection)
    check_widths(settings, site, score_class, (query_dim, key_dim))
    heads = settings.num_heads
    score = score_class(heads, query_dim // heads, key_dim // heads)
    if mechanism_class.needs_dot and score.dot_scale is None:
        raise UsageError(
            f"{site.key}.score",
            f"{settings.mechanism!r} cannot take {settings.score!r}",
            "it needs dot, scaled_dot or general",
        )
    mechanism = mechanism_class(settings, MechanismOptions(score, site.causal, ops))
    return assemble(mechanism, settings, site, projection, ops)


def assemble(
    mechanism: Mechanism[Any], settings: AttentionSettings, site: Site, projection: Projection, ops: Ops
) -> Attention:
    """Put the mechanism between its projections."""
    widths = Widths(site.query_dim, site.memory_dim, settings.dim or site.query_dim)
    project_value = site.project_value and mechanism.has_context
    return Attention(
        mechanism,
        widths,
        num_heads=settings.num_heads if mechanism.has_context else 1,
        projection=projection,
        project_value=project_value,
        ops=ops,
    )


def compared_widths(settings: AttentionSettings, site: Site, projection: Projection) -> tuple[int, int]:
    """The widths of query and key as the score sees them, all heads."""
    if projection == "both":
        dim = settings.dim or site.query_dim
        return dim, dim
    return site.query_dim, site.query_dim if projection == "key" else site.memory_dim


def check_widths(settings: AttentionSettings, site: Site, score: type[Score], compared: tuple[int, int]) -> None:
    """Refuse heads that do not divide a width, and widths that a score cannot compare."""
    query_dim, key_dim = compared
    value_dim = site.query_dim if site.project_value else site.memory_dim
    for what, dim in (("queries", query_dim), ("keys", key_dim), ("values", value_dim)):
        if dim % settings.num_heads:
            raise UsageError(
                f"{site.key}.num_heads",
                f"{dim} ({what}) is not divisible by {settings.num_heads}",
                "change one of them",
            )
    if score.needs_equal_widths and query_dim != key_dim:
        raise UsageError(
            f"{site.key}.score",
            f"{settings.score!r} needs queries and keys of one width, found {query_dim} and {key_dim}",
            f"make them equal or set {site.key}.projection to 'key' or 'both'",
        )
