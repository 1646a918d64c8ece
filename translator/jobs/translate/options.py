"""Decoding settings that a user gives for a finished run: as `--set`, as options of a command, as arguments in Python."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from translator.config import Config, apply_override, check_table
from translator.config_errors import Origin
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError


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
    temperature: float
    top_k: int
    top_p: float
    seed: int


class TranslateOptions(DecodingOptions, total=False):
    """The keyword arguments of `Translator.translate`."""

    batch_size: int | None
    split_sentences: bool


def with_options(settings: DecodingSettings, options: Mapping[str, object]) -> DecodingSettings:
    """Return the settings with keyword arguments applied. Raises UsageError for the first that is wrong."""
    places = {f"decoding.{name}": name for name in options}
    table = {**settings.model_dump(exclude_none=True), **options}
    return check_table(table, "decoding", DecodingSettings, Origin("translate", "", options=places))


def decoding_settings(
    config: Config, overrides: Sequence[str], options: Mapping[str, int | None], *, many_allowed: bool
) -> DecodingSettings:
    """Return the run's decoding settings with `decoding.key=value` overrides and command-line options applied.

    `options` maps setting names to values, None if not given. Raises UsageError for overrides of other tables.
    """
    for override in overrides:
        if not override.startswith("decoding."):
            raise UsageError(f"--set {override}", "the run is already trained", "only decoding.* may be set here")
    tables = {"decoding": config.decoding.model_dump(exclude_none=True)}
    if not many_allowed:
        tables["decoding"]["num_best"] = 1  # the run's own setting, which is for JSON output
    for override in overrides:
        apply_override(tables, override)
    given = {name: value for name, value in options.items() if value is not None}
    places = {f"decoding.{name}": f"--{name.replace('_', '-')}" for name in given}
    for override in overrides:
        if option := places.get(override.partition("=")[0].strip()):
            raise UsageError(f"--set {override}", f"also given as {option}, expected once", "keep one of the values")
    origin = Origin("the run's config.toml", "", tuple(overrides), places)
    settings = check_table({**tables["decoding"], **given}, "decoding", DecodingSettings, origin)
    if settings.num_best > 1 and not many_allowed:
        raise UsageError("--num-best", "several translations do not fit on one line", "add --json")
    return settings
