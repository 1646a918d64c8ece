"""The whole config, made of the settings tables of all rooms: load, override, check, save, compare.

A config is a TOML file with the tables [corpus], [tokenizer], [model], [encoder], [decoder], [training], [decoding],
[ops] and [evaluation]. `model.architecture` decides which settings [model], [encoder] and [decoder] have.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import PrivateAttr, SerializeAsAny, ValidationError

from translator.config_errors import Origin, explain, quoted, suggestion
from translator.config_files import read_toml, yaml_advice
from translator.config_tables import ARCHITECTURE, BY_PAIRS, Table, architecture_of, overridden, with_row
from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError, expected_name
from translator.evaluation.settings import EvaluationSettings
from translator.models import MODELS
from translator.ops.choice import OpsSettings
from translator.settings import Freedom, Settings
from translator.text.sources import CorpusSettings
from translator.text.tokenizer import TokenizerSettings
from translator.training.settings import TrainingSettings

SettingsT = TypeVar("SettingsT", bound=Settings)

_FOLDERS: Any = {"corpus": {"folder": True, "sources": {"__all__": {"folder"}}}}
"""Settings that are not compared or stored with a run, because a corpus may be moved."""
_LONG_INTEGER = re.compile(r"[0-9_]{4301}")
"""More digits than Python converts to an integer."""


class Config(Settings):
    """All settings of a run."""

    corpus: CorpusSettings
    tokenizer: TokenizerSettings
    model: SerializeAsAny[Settings]
    encoder: SerializeAsAny[Settings]
    decoder: SerializeAsAny[Settings]
    training: TrainingSettings
    decoding: DecodingSettings
    ops: OpsSettings
    evaluation: EvaluationSettings

    _by_pairs: tuple[tuple[int, "Config | UsageError"], ...] = PrivateAttr(())

    def for_pairs(self, num_pairs: int) -> "Config":
        """Return the config of the last row of `by_pairs` whose number of pairs is reached, this config if there is none.

        Raises UsageError if an override does not suit that row.
        """
        chosen = next((config for pairs, config in reversed(self._by_pairs) if pairs <= num_pairs), self)
        if isinstance(chosen, UsageError):
            raise chosen
        return chosen

    @property
    def by_pairs(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows of `by_pairs`: numbers of pairs with the settings that are not the same in all rows."""
        rows = [(pairs, flatten(config)) for pairs, config in self._by_pairs if isinstance(config, Config)]
        values = {key: {str(other.get(key)) for _, other in rows} for _, row in rows for key in row}
        return [(pairs, {key: row[key] for key in row if len(values[key]) > 1}) for pairs, row in rows]

    def without_defaults(self) -> dict[str, Any]:
        """Return dotted keys and values: the architecture, and the settings that are not its defaults."""
        defaults = flatten(_check_config({"model": {"architecture": self.architecture}}, Origin("", "")))
        return {key: value for key, value in flatten(self).items() if key == ARCHITECTURE or value != defaults[key]}

    @property
    def architecture(self) -> str:
        """The name of the architecture in MODELS."""
        return str(self.model.model_dump()["architecture"])


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply `a.b=c` overrides. Raise UsageError for the first mistake found."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        table = read_toml(text)
    except OSError as error:
        raise UsageError(str(path), f"cannot be read ({error.strerror})", "expected a TOML file") from error
    except UnicodeDecodeError as error:
        raise UsageError(str(path), "is not UTF-8", "expected a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        if advice := yaml_advice(text):
            raise UsageError(str(path), "is YAML", advice) from error
        raise UsageError(place, f"not TOML ({error})", "see configs/demo.toml for an example") from error
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _LONG_INTEGER.search(line)]
        place = f"{path}:{lines[0][0]}: {lines[0][1].partition('=')[0].strip()}" if lines else str(path)
        raise UsageError(place, "an integer of more than 4,300 digits, expected one less than 2**63") from error
    except RecursionError as error:
        raise UsageError(str(path), "is nested too deeply", "expected a TOML file with one level of tables") from error
    corpus = table.get("corpus")
    if isinstance(corpus, dict) and isinstance(folder := corpus.get("folder", "."), str):
        if path.name == "config.toml" and (path.parent / "run.json").is_file():
            _require_folder(path, corpus, overrides)
        corpus["folder"] = str(path.parent / folder)
        for source in corpus.get("sources", ()):
            if isinstance(source, dict) and isinstance(folder := source.get("folder", "."), str):
                source["folder"] = str(path.parent / folder)
    rows, origin = table.pop(BY_PAIRS, []), Origin(str(path), text, tuple(overrides))
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("pairs"), int) for row in rows
    ):
        raise UsageError(
            origin.place(BY_PAIRS), "expected tables that each have a number of pairs", "see configs/auto.toml"
        )
    if not rows:
        return _check_config(overridden(table, overrides), origin)
    return _by_rows(table, rows, origin)


def _by_rows(table: Table, rows: Sequence[Table], origin: Origin) -> Config:
    """Return the config of the first row of `by_pairs`, with those of all rows.

    Which row is used is not known before the corpus has been read, so an override need only suit one of the rows. Raises
    UsageError if it suits none.
    """
    by_pairs: list[tuple[int, Config | UsageError]] = []
    configs, errors = list[Config](), list[UsageError]()
    for row in rows:
        _check_config(with_row(table, row), origin._replace(overrides=()))
        try:
            configs.append(_check_config(overridden(with_row(table, row, origin.overrides), origin.overrides), origin))
            by_pairs.append((row["pairs"], configs[-1]))
        except UsageError as error:
            errors.append(error)
            by_pairs.append((row["pairs"], _of_row(error, table, row)))
    if not configs:
        raise next((error for error in errors if "did you mean" in error.advice), errors[0])
    config = configs[0].model_copy()
    config._by_pairs = tuple(by_pairs)
    return config


def _of_row(error: UsageError, table: Table, row: Table) -> UsageError:
    """Return the error of an override in a row; if the row changes the architecture, say so and how to avoid it."""
    own, architecture = architecture_of(table), architecture_of(row, architecture_of(table))
    if own == architecture:
        return error
    problem = f"{error.problem} (the config selects the architecture {architecture!r} for a corpus of this size)"
    return UsageError(error.place, problem, f"to use {own!r} instead, add --set {ARCHITECTURE}={own}")


def _require_folder(path: Path, corpus: Table, overrides: Sequence[str]) -> None:
    """Raise UsageError if the config of a run is used again and nobody says where the corpus is."""
    given = {override.partition("=")[0].strip() for override in overrides}
    if not ("folder" in corpus or corpus.get("format") == "hub" or given & {"corpus.folder", "corpus"}):
        problem = "is the config of a run, which does not record where its corpus was"
        raise UsageError(str(path), problem, "add --set corpus.folder=FOLDER")


def override_config(config: Config, overrides: Sequence[str]) -> Config:
    """Return the config with `a.b=c` overrides applied. Raise UsageError for the first mistake found."""
    table = overridden(config.model_dump(exclude_none=True), overrides)
    return _check_config(table, Origin("config", "", tuple(overrides)))


def read_saved_config(path: Path) -> Config:
    """Read a config that `dump_config` wrote; it does not contain the folder of the corpus."""
    text = path.read_text("utf-8")
    return _check_config(read_toml(text), Origin(str(path), text))


def check_table(table: object, name: str, settings: type[SettingsT], origin: Origin) -> SettingsT:
    """Validate one table by its settings class. Raise UsageError about the first key that is wrong."""
    try:
        return settings.model_validate(table)
    except ValidationError as error:
        raise explain(error, name, settings, origin) from error


def _check_config(table: Table, origin: Origin) -> Config:
    architecture = architecture_of(table)
    if not isinstance(architecture, str) or architecture not in MODELS:
        problem = f"found {quoted(architecture)}, expected {expected_name(architecture, MODELS)}"
        raise UsageError(origin.place("model.architecture"), problem)
    tables = settings_classes(architecture)
    for name in table:
        if name not in tables:
            raise UsageError(origin.place(name, *origin.inside(name)), "unknown table", suggestion(name, tables))
    config = Config(**{name: check_table(table.get(name, {}), name, tables[name], origin) for name in tables})
    _require_tokenizer(config, origin)
    return config


def _require_tokenizer(config: Config, origin: Origin) -> None:
    """Raise UsageError if [training] needs another kind of tokenizer than [tokenizer] has."""
    kind = config.tokenizer.kind
    for key, needed in {"bpe_dropout": "bpe", "unigram_alpha": "unigram"}.items():
        if (value := getattr(config.training, key)) and kind != needed:
            problem = f"found {value:g}, but tokenizer.kind is {kind!r}, expected {needed!r}"
            raise UsageError(origin.place(f"training.{key}"), problem, f"set it to 0, or tokenizer.kind={needed}")
    if config.training.both_directions and not config.tokenizer.joint:
        problem = f"found {config.training.both_directions}, but each language has a vocabulary of its own"
        raise UsageError(origin.place("training.both_directions"), problem, "set it to 0, or tokenizer.joint=true")


def settings_classes(architecture: str) -> dict[str, type[Settings]]:
    """Return the settings class of each table of a config with this architecture."""
    _, model, encoder, decoder = MODELS[architecture]
    classes: dict[str, Any] = {name: field.annotation for name, field in Config.model_fields.items()}
    return {**classes, "model": model, "encoder": encoder, "decoder": decoder}


def dump_config(config: Config) -> str:
    """Return the config as TOML, defaults included, as it is saved with a run."""
    return tomli_w.dumps(portable(config, without_none=True))


def flatten(config: Config) -> dict[str, Any]:
    """Return dotted keys and values, to compare two configs whose corpora may lie in different folders."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(f"{prefix}.{name}" if prefix else name, inner)
        else:
            yield prefix, value

    return dict(walk("", portable(config)))


def portable(config: Config, *, without_none: bool = False) -> Table:
    """Return all settings as plain values, without paths of this machine: a path outside keeps only its last part."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            # What `tokenizer.keep` lists is text, even if it looks like a path.
            return {key: inner if key == "keep" else strip(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        is_outside = isinstance(value, str) and (Path(value).is_absolute() or value.startswith(".."))
        return Path(value).name if is_outside else value

    table: Table = strip(config.model_dump(mode="json", exclude_none=without_none, exclude=_FOLDERS))
    return table


def _settings_with(freedom: Freedom) -> frozenset[str]:
    """Return the dotted names of the settings whose fields are marked with this freedom."""
    return frozenset(
        f"{name}.{key}"
        for architecture in MODELS
        for name, settings in settings_classes(architecture).items()
        for key, field in settings.model_fields.items()
        if freedom in field.metadata
    )


MAY_CHANGE = _settings_with(Freedom.ON_RESUME)
MAY_DIFFER = _settings_with(Freedom.IN_COMPARISON)
NO_EFFECT = MAY_CHANGE & MAY_DIFFER


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], *, may_change: frozenset[str] = MAY_CHANGE
) -> list[tuple[str, Any, Any]]:
    """Return (key, old value, new value) of every difference between two flat configs that is not allowed.

    Settings of [decoding] may always differ.
    """
    return [
        (key, old.get(key), new.get(key))
        for key in sorted({*old, *new} - may_change)
        if old.get(key) != new.get(key) and not key.startswith("decoding.")
    ]


def run_name(name: str, overrides: Sequence[str], *, ignored: frozenset[str] = MAY_CHANGE) -> str:
    """Return the name, with a digest of the overrides if there are any; their order does not matter.

    Settings that may change when a run is resumed are ignored, so that the same command with more steps resumes the run.
    """
    named = sorted(override for override in overrides if override.partition("=")[0].strip() not in ignored)
    digest = hashlib.sha256("\n".join(named).encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{name}-{digest}" if named else name
