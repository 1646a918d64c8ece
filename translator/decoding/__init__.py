"""Search: from a model's next-token probabilities to whole translations. A search knows a model only by its interface.

SEARCHES maps a name to a function of (model in eval mode, source_BS, mask_BS, settings, prefixes) that returns the
hypotheses of each sentence, best first. To add a search: one file here and one line there.
"""

from typing import Protocol

from torch import Tensor

from translator.decoding.beam import beam
from translator.decoding.greedy import greedy
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.mbr import mbr
from translator.decoding.rules import Prefixes
from translator.decoding.sampling import sampling
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel


class SearchFunction(Protocol):
    """Finds translations; `prefixes` are the tokens that they start with."""

    def __call__(
        self, model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings, prefixes: Prefixes = ()
    ) -> list[list[Hypothesis]]: ...


SEARCHES: dict[str, SearchFunction] = {"greedy": greedy, "beam": beam, "sampling": sampling, "mbr": mbr}
