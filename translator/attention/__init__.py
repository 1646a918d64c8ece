"""Attention, the mechanism that this whole program is about: compare a query with a memory, weigh, average.

    weight[t, s] = softmax over s of score(query[t], key[s])        context[t] = sum over s of weight[t, s] value[s]

A *score* (one file each: additive, dot, ...) compares; a *mechanism* (full, none, and the cheaper window, linformer,
performer and flash) turns scores into contexts; `core.Attention` owns the projections and heads around them; `masks`
says who may look where. Both architectures stand on this room, and it knows neither. To add a score or a mechanism:
one file here and one line in SCORES or MECHANISMS.
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
