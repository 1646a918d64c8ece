"""Each architecture in a tiny size, for the laws that every model must satisfy."""

from collections.abc import Mapping
from typing import Any

from translator.models import MODELS
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops

VOCAB_SIZE = 7  # the four special tokens and three words
TINY: dict[str, dict[str, dict[str, int]]] = {
    "recurrent": {
        "model": {"embedding_dim": 12},
        "encoder": {"hidden_dim": 8},
        "decoder": {"hidden_dim": 16},
    },
    "transformer": {
        "model": {"dim": 16, "feed_forward_dim": 24},
        "encoder": {"num_layers": 2},
        "decoder": {"num_layers": 2},
    },
}


def tiny(name: str, changes: Mapping[str, Mapping[str, Any]] = {}, ops: Ops = Ops()) -> AnyModel:  # noqa: B008
    """Return a tiny model with changes to its settings; an architecture without an entry in TINY has its defaults."""
    architecture, sizes = MODELS[name], TINY.get(name, {})
    tables = [
        getattr(architecture, table)(**{**sizes.get(table, {}), **changes.get(table, {})})
        for table in ("model", "encoder", "decoder")
    ]
    vocabularies = Vocabularies(VOCAB_SIZE, VOCAB_SIZE, True)
    return architecture.build(*tables, vocabularies=vocabularies, ops=ops)
