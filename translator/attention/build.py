"""Read an attention table of a config and build a `core.Attention`; reject impossible settings before reading data."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, SerializeAsAny

from translator.attention import MECHANISMS, SCORES
from translator.attention.core import Attention, Site
from translator.attention.dot import Dot
from translator.attention.interface import AttentionSettings, MechanismOptions, Projection, Score
from translator.errors import UsageError
from translator.ops.choice import Ops
from translator.settings import NameIn


class _Names(BaseModel):
    """The registered names in an attention table; checked first, since the mechanism decides which keys are known."""

    mechanism: Annotated[str, NameIn(MECHANISMS)] = "full"
    score: Annotated[str, NameIn(SCORES)] = "scaled_dot"


def read_attention(table: Any) -> AttentionSettings:
    """Validate an attention table with the settings class of the mechanism that it names."""
    if isinstance(table, AttentionSettings):
        return table
    if not isinstance(table, dict):
        raise ValueError("expected a table")
    return MECHANISMS[_Names.model_validate(table).mechanism].settings.model_validate(table)


AttentionTable = Annotated[SerializeAsAny[AttentionSettings], BeforeValidator(read_attention)]
"""The type of a field in a settings class that is an attention table."""


def build_attention(settings: AttentionSettings, site: Site, *, ops: Ops) -> Attention:
    """Build the attention module for `site`. Raises UsageError if mechanism, score, widths or heads do not fit."""
    name, mechanism_class, place = settings.mechanism, MECHANISMS[settings.mechanism], f"{site.key}.mechanism"
    if site.place not in mechanism_class.places:
        possible = ", ".join(known for known, mechanism in MECHANISMS.items() if site.place in mechanism.places)
        problem = f"{name!r} cannot be used here: {mechanism_class.place_reason}"
        raise UsageError(place, problem, f"choose one of {possible}")
    if site.project_value and not mechanism_class.has_context:
        raise UsageError(place, f"{name!r} needs a recurrent decoder", "choose another mechanism")
    if mechanism_class.has_context:
        num_heads = settings.num_heads
        score, projection = _build_score(settings, site)
    else:
        num_heads, score, projection = 1, Dot(1, 0, 0), Dot.projection
    if mechanism_class.needs_dot and score.dot_scale is None:
        problem = f"{name!r} cannot be used with {settings.score!r}"
        raise UsageError(f"{site.key}.score", problem, "choose dot, scaled_dot or general")
    mechanism = mechanism_class(settings, MechanismOptions(score, site.causal, ops))
    projected_dim = settings.dim or site.query_dim
    return Attention(mechanism, site, num_heads=num_heads, projection=projection, projected_dim=projected_dim, ops=ops)


def _build_score(settings: AttentionSettings, site: Site) -> tuple[Score, Projection]:
    """Return the score and what is projected before it. Raises UsageError for widths that it cannot compare."""
    score_class, num_heads = SCORES[settings.score], settings.num_heads
    projection = score_class.projection if settings.projection == "score" else settings.projection
    query_dim = key_dim = site.query_dim
    if projection == "both":
        query_dim = key_dim = settings.dim or site.query_dim
    elif settings.dim is not None:
        problem = f"found {settings.dim}, but queries are not projected"
        raise UsageError(f"{site.key}.dim", problem, "set projection to 'both'")
    elif projection == "none":
        key_dim = site.memory_dim
    value_dim = site.query_dim if site.project_value else site.memory_dim
    for part, dim in (("queries", query_dim), ("keys", key_dim), ("values", value_dim)):
        if dim % num_heads:
            problem = f"the width {dim} of the {part} is not divisible by {num_heads}"
            raise UsageError(f"{site.key}.num_heads", problem, "change one of them")
    if score_class.needs_equal_widths and query_dim != key_dim:
        problem = f"{settings.score!r} needs queries and keys of the same width, found {query_dim} and {key_dim}"
        advice = f"make them equal or set {site.key}.projection to 'key' or 'both'"
        raise UsageError(f"{site.key}.score", problem, advice)
    return score_class(num_heads, query_dim // num_heads, key_dim // num_heads), projection
