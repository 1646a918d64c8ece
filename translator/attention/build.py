"""From one attention table of a config to a `core.Attention`, refusing what cannot work before anything is read."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, ValidationError
from pydantic_core import InitErrorDetails

from translator.attention import MECHANISMS, SCORES
from translator.attention.core import Attention, Site
from translator.attention.dot import Dot
from translator.attention.interface import AttentionSettings, Mechanism, MechanismOptions, Projection, Score
from translator.errors import UsageError
from translator.ops.choice import Ops


def read_attention(table: Any) -> AttentionSettings:
    """The settings class of the mechanism that a table names, filled in."""
    if isinstance(table, AttentionSettings):
        return table
    if not isinstance(table, dict):
        raise ValueError("expected a table")
    name = chosen("mechanism", table.get("mechanism", "full"), MECHANISMS)
    chosen("score", table.get("score", "scaled_dot"), SCORES)
    return MECHANISMS[name].settings.model_validate(table)


def chosen(key: str, name: Any, registry: Mapping[str, object]) -> str:
    """The name, where the registry has it. Raises ValidationError about this key."""
    if isinstance(name, str) and name in registry:
        return name
    known = " or ".join(map(repr, registry))
    fault = InitErrorDetails(type="literal_error", loc=(key,), input=name, ctx={"expected": known})
    raise ValidationError.from_exception_data(key, [fault])


AttentionTable = Annotated[SerializeAsAny[AttentionSettings], BeforeValidator(read_attention)]
"""The type of a setting that is such a table."""


def build_attention(settings: AttentionSettings, site: Site, *, ops: Ops) -> Attention:
    """The attention that these settings describe. Raises UsageError for widths or places that do not fit."""
    kind = MECHANISMS[settings.mechanism]
    check_place(settings.mechanism, kind, site)
    if kind.has_context:
        num_heads = settings.num_heads
        score, projection = build_score(settings, site)
    else:  # nothing is compared
        num_heads, score, projection = 1, Dot(1, 0, 0), Dot.projection
    if kind.needs_dot and score.dot_scale is None:
        raise UsageError(
            f"{site.key}.score",
            f"{settings.mechanism!r} cannot take {settings.score!r}",
            "it needs dot, scaled_dot or general",
        )
    mechanism = kind(settings, MechanismOptions(score, site.causal, ops))
    projected_dim = settings.dim or site.query_dim
    return Attention(mechanism, site, num_heads=num_heads, projection=projection, projected_dim=projected_dim, ops=ops)


def check_place(name: str, kind: type[Mechanism[Any]], site: Site) -> None:
    """Refuse a mechanism that cannot stand here."""
    if site.place not in kind.serves:
        able = ", ".join(other for other, its in MECHANISMS.items() if site.place in its.serves)
        raise UsageError(f"{site.key}.mechanism", f"{name!r} cannot stand here: {kind.why_not}", f"there are {able}")
    if site.project_value and not kind.has_context:
        raise UsageError(f"{site.key}.mechanism", f"{name!r} needs a recurrent decoder", "take another mechanism")


def build_score(settings: AttentionSettings, site: Site) -> tuple[Score, Projection]:
    """The score, and what is projected before it. Raises UsageError for widths that it cannot compare."""
    score_class, heads = SCORES[settings.score], settings.num_heads
    projection = score_class.projection if settings.projection == "score" else settings.projection
    query_dim = key_dim = site.query_dim
    if projection == "both":
        query_dim = key_dim = settings.dim or site.query_dim
    elif settings.dim is not None:
        raise UsageError(
            f"{site.key}.dim", f"found {settings.dim}, but queries are not projected", "set projection to 'both'"
        )
    elif projection == "none":
        key_dim = site.memory_dim
    value_dim = site.query_dim if site.project_value else site.memory_dim
    for what, dim in (("queries", query_dim), ("keys", key_dim), ("values", value_dim)):
        if dim % heads:
            raise UsageError(
                f"{site.key}.num_heads", f"{dim} ({what}) is not divisible by {heads}", "change one of them"
            )
    if score_class.needs_equal_widths and query_dim != key_dim:
        raise UsageError(
            f"{site.key}.score",
            f"{settings.score!r} needs queries and keys of one width, found {query_dim} and {key_dim}",
            f"make them equal or set {site.key}.projection to 'key' or 'both'",
        )
    return score_class(heads, query_dim // heads, key_dim // heads), projection
