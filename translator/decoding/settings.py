"""`[decoding]`: how translations are searched for.

Lengths count tokens: of a translation without BOS and EOS, of a source with its EOS.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from translator.settings import NameIn, Settings


def _searches() -> Mapping[str, object]:
    from translator.decoding import SEARCHES  # not at the top, because every search imports this file

    return SEARCHES


def _utilities() -> Mapping[str, object]:
    from translator.decoding.mbr import UTILITIES

    return UTILITIES


_OF_A_RUN = {
    "beam_size": 64,
    "num_best": 64,
    "min_length": 32,
    "max_length": 512,
    "max_length_ratio": 5.0,
    "max_length_extra": 100,
}
"""The highest values that a run folder may ask for: someone else's run must not keep the machine busy for days."""


class DecodingSettings(Settings):
    """Which search, how wide, how long."""

    search: Annotated[str, NameIn(_searches)] = Field("beam", description="the search algorithm")
    beam_size: int = Field(5, ge=1, le=512, description="partial hypotheses that beam search keeps per sentence")
    early_stopping: bool = Field(
        True,
        description="true: beam search ends a sentence at `beam_size` finished translations; false: when no unfinished one can "
        "score higher, which never finds a lower score and takes more steps: on the demo corpus, 2 to 4 % of the sentences get a "
        "better score for 1 % more work (the guide to the commands gives the reasons for the default)",
    )
    num_best: int = Field(1, ge=1, le=1000, description="translations returned per sentence, best first")
    length_penalty: float = Field(
        1.0, ge=0, le=10, description="alpha of Wu et al. (2016); 0 ranks by log-probability only"
    )
    min_length: int = Field(0, ge=0, le=10_000, description="fewest tokens of a translation")
    max_length: int | None = Field(
        None, ge=1, le=10_000, description="most tokens of a translation; default: by max_length_ratio and _extra"
    )
    max_length_ratio: float = Field(2.0, gt=0, le=100, description="most tokens of a translation per source token")
    max_length_extra: int = Field(10, ge=0, le=10_000, description="tokens allowed in addition to that ratio")
    no_repeat_ngram: int = Field(
        0,
        ge=0,
        le=1000,
        description="n-grams of this many tokens may occur only once in a translation; 0: any number of times",
    )
    temperature: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="temperature of sampling; values below 1 sharpen the distribution, values above 1 flatten it",
    )
    top_k: int = Field(0, ge=0, description="sample from this many most probable tokens; 0: from all")
    top_p: float = Field(1.0, gt=0, le=1, description="sample from the fewest tokens with this total probability")
    seed: int = Field(1, ge=0, lt=2**63, description="seed of sampling")
    mbr_candidates: Literal["beam", "sampling"] = Field(
        "beam", description="how search = 'mbr' finds the `beam_size` candidates, of which it returns the most typical"
    )
    mbr_utility: Annotated[str, NameIn(_utilities)] = Field(
        "chrf", description="similarity by which mbr compares the candidates"
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        limits = {
            "greedy": (1, "take beam search"),
            "beam": (self.beam_size, "raise beam_size"),
            "mbr": (self.beam_size, "raise beam_size"),
        }
        limit, advice = limits.get(self.search, (self.num_best, ""))
        if self.num_best > limit:
            raise ValueError(
                f"num_best = {self.num_best} is more than the {limit} that {self.search} search keeps; {advice}"
            )
        if self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(f"min_length = {self.min_length} is more than max_length = {self.max_length}")
        return self

    @property
    def summary(self) -> str:
        """The settings that scores are printed with."""
        stopping = "" if self.early_stopping else ", no early stopping"
        by = f" by {self.mbr_utility} ({self.mbr_candidates})" if self.search == "mbr" else ""
        repeats = f", no repeated {self.no_repeat_ngram}-gram" if self.no_repeat_ngram else ""
        penalty = f"length penalty {self.length_penalty:g}"
        return f"{self.search} search{by}, beam size {self.beam_size}, {penalty}{stopping}{repeats}"

    @property
    def of_a_run(self) -> Self:
        """The settings with limits on values that may come from someone else's run folder."""
        values = {name: getattr(self, name) for name in _OF_A_RUN}
        limited = {name: min(value, _OF_A_RUN[name]) for name, value in values.items() if value is not None}
        return self.model_copy(update=limited)

    @property
    def of_candidates(self) -> Self:
        """The settings for a search engine: mbr needs all candidates."""
        return self.model_copy(update={"num_best": self.beam_size}) if self.search == "mbr" else self

    def max_target_length(
        self, source_length: int, model_limit: int | None = None, *, num_slots: int = 0, prefix_length: int = 0
    ) -> int:
        """Return the maximum output length for a source of this length; it does not depend on the batch.

        `model_limit` is the longest output that the model can write, None if there is no limit. There is always room for the
        slots of the source, and for a given start of `prefix_length` tokens.
        """
        by_ratio = max(int(self.max_length_ratio * source_length), prefix_length) + self.max_length_extra
        wanted = max(self.max_length or by_ratio, self.min_length, num_slots, prefix_length, 1)
        return wanted if model_limit is None else min(wanted, model_limit)
