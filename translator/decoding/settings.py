"""`[decoding]`: how a trained model is searched for translations.

Lengths count pieces: those of a translation without its marks, those of a source with its end mark.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from translator.settings import NameIn, Settings


def _searches() -> Mapping[str, object]:
    from translator.decoding import SEARCHES  # not above: every search imports this file

    return SEARCHES


class DecodingSettings(Settings):
    """Which search, how wide, how long."""

    search: Annotated[str, NameIn(_searches)] = Field("beam", description="how words are chosen")
    beam_size: int = Field(5, ge=1, le=512, description="hypotheses that beam search keeps for a sentence")
    num_best: int = Field(1, ge=1, le=1000, description="translations returned for a sentence, best first")
    length_penalty: float = Field(
        1.0, ge=0, le=10, description="alpha of Wu et al. (2016); 0 ranks by probability alone"
    )
    min_length: int = Field(0, ge=0, le=10_000, description="least pieces of a translation")
    max_length: int | None = Field(None, ge=1, le=10_000, description="most pieces; default: by ratio and extra")
    max_length_ratio: float = Field(2.0, gt=0, le=100, description="most pieces for one of the source")
    max_length_extra: int = Field(10, ge=0, le=10_000, description="most pieces beyond that")
    temperature: float = Field(1.0, ge=0.01, le=100, description="of sampling: below 1 sharper, above 1 flatter")
    top_k: int = Field(0, ge=0, description="sample from this many best words; 0: from all")
    top_p: float = Field(1.0, gt=0, le=1, description="sample from the fewest words that hold this much probability")
    seed: int = Field(1, ge=0, lt=2**63, description="of sampling")

    @model_validator(mode="after")
    def check(self) -> Self:
        """Keys that contradict each other."""
        most, advice = {
            "greedy": (1, "take beam search"),
            "beam": (self.beam_size, "raise beam_size"),
            "sampling": (self.num_best, ""),
        }[self.search]
        if self.num_best > most:
            raise ValueError(
                f"num_best = {self.num_best} is more than the {most} that {self.search} search keeps; {advice}"
            )
        if self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(f"min_length = {self.min_length} is more than max_length = {self.max_length}")
        return self

    def longest(self, source_length: int, possible: int | None = None) -> int:
        """Most pieces of a translation, its own source having so many, whatever batch it is in.

        `possible` is what the model can write at most.
        """
        by_ratio = int(self.max_length_ratio * source_length) + self.max_length_extra
        wanted = max(self.max_length or by_ratio, self.min_length, 1)
        return wanted if possible is None else min(wanted, possible)
