"""Joins the settings tables of all rooms into one config: load, override, check, save, compare.

A config is a TOML file with the tables [corpus], [tokenizer], [model], [encoder], [decoder], [training], [decoding]
and [ops]. What the first of the model tables calls `architecture` decides which settings the three of them have.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import tomli_w
from pydantic import SerializeAsAny, ValidationError

from translator.config_errors import Origin, explain, quoted, suggestion
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError
from translator.models import MODELS
from translator.ops.choice import OpsSettings
from translator.settings import Settings
from translator.text.corpus import CorpusSettings
from translator.text.tokenizer import TokenizerSettings
from translator.training.settings import TrainingSettings

Table: TypeAlias = dict[str, Any]
"""Nested tables as TOML gives them, before they are checked."""

SettingsT = TypeVar("SettingsT", bound=Settings)

LONG_INTEGER = re.compile(r"[0-9_]{4301}")
"""More digits than Python makes an integer of."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""What Python makes of a typed byte that is not UTF-8."""
MAY_CHANGE = frozenset(
    f"training.{key}"
    for key in (
        "steps max_minutes log_every validate_every save_every keep_last patience average average_of samples tensorboard".split()
    )
)
"""What a run may be continued with: how long it trains and what it shows and keeps, never what it computes."""


class Config(Settings):
    """Everything that one experiment needs to be repeated."""

    corpus: CorpusSettings
    tokenizer: TokenizerSettings
    model: SerializeAsAny[Settings]
    encoder: SerializeAsAny[Settings]
    decoder: SerializeAsAny[Settings]
    training: TrainingSettings
    decoding: DecodingSettings
    ops: OpsSettings

    @property
    def architecture(self) -> str:
        """The name in MODELS."""
        return str(self.model.model_dump()["architecture"])


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply `a.b=c` overrides. Raises UsageError for whatever cannot be meant."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        table = tomllib.loads(text)
    except OSError as error:
        raise UsageError(str(path), f"cannot be read ({error.strerror})", "expected a TOML file") from error
    except UnicodeDecodeError as error:
        raise UsageError(str(path), "is not UTF-8", "expected a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        raise UsageError(place, f"not TOML ({error})", "see configs/demo.toml for an example") from error
    except ValueError as error:
        raise UsageError(
            long_integer(path, text), "an integer of more than 4,300 digits, expected one less than 2**63"
        ) from error
    except RecursionError as error:
        raise UsageError(str(path), "is nested too deeply", "expected a TOML file with one level of tables") from error
    corpus = table.get("corpus")
    if isinstance(corpus, dict) and isinstance(folder := corpus.get("folder", "."), str):
        corpus["folder"] = str(path.parent / folder)
    for override in overrides:
        apply_override(table, override)
    return check_config(table, Origin(str(path), text, tuple(overrides)))


def long_integer(path: Path, text: str) -> str:
    """`file:line: key` of an integer with too many digits."""
    lines = (
        f"{path}:{number}: {line.partition('=')[0].strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if LONG_INTEGER.search(line)
    )
    return next(lines, str(path))


def apply_override(table: Table, override: str) -> None:
    """Put `a.b=value` into the nested tables; the value is TOML, or else text as it stands."""
    key, separator, written = override.partition("=")
    *parents, last = key.strip().split(".")
    if not separator or not all((*parents, last)):
        raise UsageError(f"--set {override}", "expected KEY=VALUE", "for example --set training.steps=500")
    if SURROGATE.search(override):
        raise UsageError(f"--set {key}", f"found {quoted(written)}, which is not UTF-8", "type it in UTF-8")
    try:
        value, *more = tomllib.loads(f"value = {written}").values()
    except (ValueError, RecursionError):  # also an integer of too many digits
        value, more = written, []
    if more:
        raise UsageError(f"--set {key}", f"found {quoted(written)}, expected one value", "give each key a --set")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {key}", f"{parent!r} is a value, not a table", "see the config for its keys")
    table[last] = value


def check_config(table: Table, origin: Origin) -> Config:
    """Check all tables, each by the settings class that owns it."""
    sections = section_classes(table, origin)
    for name in table:
        if name not in sections:
            raise UsageError(origin.place(name), "unknown table", suggestion(name, sections))
    checked: dict[str, Any] = {
        name: check_table(table.get(name, {}), name, settings, origin) for name, settings in sections.items()
    }
    return Config(**checked)


def check_table(table: object, name: str, settings: type[SettingsT], origin: Origin) -> SettingsT:
    """One table as the settings that own it. Raises UsageError about the first key that is wrong."""
    try:
        return settings.model_validate(table)
    except ValidationError as error:
        raise explain(error, name, settings, origin) from error


def section_classes(table: Table, origin: Origin) -> dict[str, type[Settings]]:
    """The settings class of each table; the three of the model depend on its architecture."""
    model = table.get("model", {})
    name = model.get("architecture", "transformer") if isinstance(model, dict) else "transformer"
    if not isinstance(name, str) or name not in MODELS:
        known = ", ".join(repr(one) for one in MODELS)
        raise UsageError(origin.place("model.architecture"), f"found {quoted(name)}, expected one of {known}")
    architecture = MODELS[name]
    return {
        "corpus": CorpusSettings,
        "tokenizer": TokenizerSettings,
        "model": architecture.model,
        "encoder": architecture.encoder,
        "decoder": architecture.decoder,
        "training": TrainingSettings,
        "decoding": DecodingSettings,
        "ops": OpsSettings,
    }


def placeless(config: Config, *, without_none: bool = False) -> Table:
    """All settings as plain values, without the places on this machine: of a path that leads out, the last name is left."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        leads_out = isinstance(value, str) and (Path(value).is_absolute() or value.startswith(".."))
        return Path(value).name if leads_out else value

    table: Table = strip(config.model_dump(mode="json", exclude_none=without_none, exclude={"corpus": {"folder"}}))
    return table


def dump_config(config: Config) -> str:
    """The config as TOML, defaults included, as a run folder keeps it."""
    return tomli_w.dumps(placeless(config, without_none=True))


def read_saved_config(path: Path) -> Config:
    """A config that `dump_config` wrote; it does not say where the corpus was."""
    text = path.read_text("utf-8")
    return check_config(tomllib.loads(text), Origin(str(path), text))


def flatten(config: Config) -> dict[str, Any]:
    """Dotted key to value, for comparing two configs, whose corpora may lie in different folders."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(f"{prefix}.{name}" if prefix else name, inner)
        else:
            yield prefix, value

    return dict(walk("", placeless(config)))


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], *, may_change: frozenset[str] = MAY_CHANGE
) -> list[tuple[str, Any, Any]]:
    """(key, old value, new value) of every setting of two flat configs that differs and may not; decoding always may."""
    return [
        (key, old.get(key), new.get(key))
        for key in sorted({*old, *new} - may_change)
        if old.get(key) != new.get(key) and not key.startswith("decoding.")
    ]


def run_name(name: str, overrides: Sequence[str]) -> str:
    """The name with a digest of what `--set` changed, if anything; the order of the overrides does not matter."""
    digest = hashlib.sha256("\n".join(sorted(overrides)).encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{name}-{digest}" if overrides else name
