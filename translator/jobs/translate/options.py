"""Decoding settings that a user gives for a finished run: as `--set`, as options of a command, as arguments in Python."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypedDict

from translator.config import Config, check_table
from translator.config_errors import Origin
from translator.config_tables import overridden
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError
from translator.evaluation.settings import EvaluationSettings


class DecodingOptions(TypedDict, total=False):
    """The settings of [decoding] as keyword arguments; `num_best`, which changes the result's type, is not among them."""

    search: str
    beam_size: int
    early_stopping: bool
    length_penalty: float
    min_length: int
    max_length: int
    max_length_ratio: float
    max_length_extra: int
    no_repeat_ngram: int
    temperature: float
    top_k: int
    top_p: float
    seed: int
    mbr_candidates: Literal["beam", "sampling"]
    mbr_utility: str


class TranslateOptions(DecodingOptions, total=False):
    """The keyword arguments of `Translator.translate`."""

    batch_size: int | None
    split_sentences: bool
    prefix: str | Iterable[str]


def with_options(settings: DecodingSettings, options: Mapping[str, object]) -> DecodingSettings:
    """Return the settings with keyword arguments applied. Raises UsageError for the first that is wrong."""
    places = {f"decoding.{name}": name for name in options}
    table = {**settings.model_dump(exclude_none=True), **options}
    return check_table(table, "decoding", DecodingSettings, Origin("translate", "", options=places))


def take_tokenizer(overrides: Sequence[str]) -> tuple[list[str], EvaluationSettings]:
    """Split off `evaluation.tokenizer=NAME`: return the other overrides, and the evaluation settings."""
    rest = [override for override in overrides if not override.startswith("evaluation.")]
    taken = [override for override in overrides if override not in rest]
    tables = overridden({"evaluation": {}}, taken)
    return rest, check_table(tables["evaluation"], "evaluation", EvaluationSettings, Origin("--set", "", tuple(taken)))


def decoding_settings(
    config: Config,
    overrides: Sequence[str],
    options: Mapping[str, int | None],
    *,
    num_best: Literal["own", "given", "one"] = "one",
) -> DecodingSettings:
    """Return the run's decoding settings with `decoding.key=value` overrides and command-line options applied.

    `options` maps setting names to values, None if not given. `num_best` is the run's own setting, which is for JSON output,
    or 1 unless the user gives another one, or always 1. Raises UsageError for what may not be set.
    """
    for override in overrides:
        if not override.startswith("decoding."):
            raise UsageError(f"--set {override}", "the run is already trained", "only decoding.* may be set here")
    tables = {"decoding": config.decoding.model_dump(exclude_none=True)}
    if num_best != "own":
        tables["decoding"]["num_best"] = 1
    tables = overridden(tables, overrides)
    given = {name: value for name, value in options.items() if value is not None}
    places = {f"decoding.{name}": f"--{name.replace('_', '-')}" for name in given}
    for override in overrides:
        if option := places.get(override.partition("=")[0].strip()):
            raise UsageError(f"--set {override}", f"also given as {option}, expected once", "keep one of the values")
    origin = Origin("the run's config.toml", "", tuple(overrides), places)
    settings = check_table({**tables["decoding"], **given}, "decoding", DecodingSettings, origin)
    if settings.num_best > 1 and num_best == "one":
        place = origin.place("decoding.num_best")
        raise UsageError(place, f"found {settings.num_best}, expected 1", "only `translate` shows several translations")
    return settings
