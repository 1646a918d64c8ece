"""Search: from a model's next-word probabilities to whole translations. A model is seen through its interface alone.

SEARCHES names the ways; each maps (model in eval mode, source_BS, mask_BS, settings) to hypotheses, best first. A new
one is one file here, one line there, and its name in `DecodingSettings.search`.
"""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from translator.decoding.beam import beam
from translator.decoding.greedy import greedy
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.sampling import sampling
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel

SearchFunction: TypeAlias = Callable[[AnyModel, Tensor, Tensor, DecodingSettings], list[list[Hypothesis]]]

SEARCHES: dict[str, SearchFunction] = {"greedy": greedy, "beam": beam, "sampling": sampling}
