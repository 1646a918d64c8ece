"""Attention: compare a query with a memory, turn the scores into weights, average the values.

    weight[t, s] = softmax over s of score(query[t], key[s])        context[t] = sum over s of weight[t, s] value[s]

A *score* (additive, dot, ...) compares a query with a key. A *mechanism* (full, none, and the cheaper window, linformer,
performer and flash) turns scores into contexts. `core.Attention` adds heads and projections, `masks` defines which
positions a query may attend to. Both architectures use this package; it depends on neither. To add a score or a
mechanism, write one file here and add one line to SCORES or MECHANISMS.
"""

from typing import Any

from translator.attention.additive import Additive
from translator.attention.concat import Concat
from translator.attention.dot import Dot
from translator.attention.flash import Flash
from translator.attention.full import Full
from translator.attention.general import General
from translator.attention.interface import Mechanism, Score
from translator.attention.linformer import Linformer
from translator.attention.none import NoAttention
from translator.attention.performer import Performer
from translator.attention.scaled_dot import ScaledDot
from translator.attention.window import Window

SCORES: dict[str, type[Score]] = {
    "additive": Additive,
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "general": General,
    "concat": Concat,
}

MECHANISMS: dict[str, type[Mechanism[Any]]] = {
    "full": Full,
    "none": NoAttention,
    "window": Window,
    "linformer": Linformer,
    "performer": Performer,
    "flash": Flash,
}
