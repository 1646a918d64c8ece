"""Every setting with its meaning, range and default, and configs in which each setting is explained."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import tomli_w

from translator.attention import MECHANISMS, SCORES
from translator.config import Config, settings_classes
from translator.config_errors import suggestion
from translator.errors import UsageError
from translator.models import MODELS
from translator.settings import Freedom, Settings

_WIDTH = 100
_REGISTRIES: dict[str, Mapping[str, object]] = {"architecture": MODELS, "mechanism": MECHANISMS}
"""Settings that decide which class describes their table; each class knows only its own value."""


class Setting(NamedTuple):
    """What a user needs to know about a setting."""

    key: str  # such as training.steps
    values: str
    default: str
    meaning: str
    may_change: bool  # when a run is resumed
    condition: str = ""  # the settings with which it exists

    def lines(self, width: int) -> list[str]:
        """Return the key with its default, and the rest in indented lines below it."""
        parts = [self.meaning, self.values, self.condition and f"only with {self.condition}"]
        parts.append("may change when a run is resumed" if self.may_change else "")
        text = wrap("; ".join(filter(None, parts)), max(width - 4, 20))
        return [f"{self.key} = {self.default}", *(f"    {line}" for line in text)]


def all_settings() -> list[Setting]:
    """Return all settings in the order of a config; those that depend on the architecture or on a mechanism say so."""
    conditions: dict[Setting, list[tuple[str, str]]] = {}
    for architecture in MODELS:
        for table, settings in settings_classes(architecture).items():
            for mechanism, setting in _settings_of(table, settings):
                conditions.setdefault(setting, []).append((architecture, mechanism))
    order = list(Config.model_fields)
    found = [setting._replace(condition=_condition(setting, pairs)) for setting, pairs in conditions.items()]
    return sorted(found, key=lambda setting: order.index(setting.key.partition(".")[0]))


def _condition(setting: Setting, pairs: list[tuple[str, str]]) -> str:
    """Return the settings that a setting depends on, or ""; `pairs` are its architectures and mechanisms."""
    architectures, mechanisms = (dict.fromkeys(names) for names in zip(*pairs, strict=True))
    parts = []
    if len(architectures) < len(MODELS):
        parts.append(f"model.architecture = {' or '.join(map(json.dumps, architectures))}")
    if "" not in mechanisms and len(mechanisms) < len(MECHANISMS):
        table = setting.key.rpartition(".")[0]
        parts.append(f"{table}.mechanism = {' or '.join(map(json.dumps, mechanisms))}")
    return " and ".join(parts)


def find_settings(name: str) -> list[Setting]:
    """Return the settings with this key, in this table, or with this name in any table; if none, those that contain it.

    Raises UsageError if there is none.
    """
    known = all_settings()
    for matches in (
        [setting for setting in known if setting.key == name],
        [setting for setting in known if setting.key.startswith(f"{name.strip('[]')}.")],
        [setting for setting in known if setting.key.endswith(f".{name}")],
        [setting for setting in known if name in setting.key],
    ):
        if matches:
            return matches
    names = {part: None for setting in known for part in (setting.key, setting.key.rpartition(".")[2])}
    similar = suggestion(name, names)
    advice = similar if similar.startswith("did you mean") else "type `translator settings` for all of them"
    raise UsageError(name, "no such setting", advice)


def _settings_of(
    table: str, settings: type[Settings], changes: Mapping[str, Any] = {}
) -> Iterator[tuple[str, Setting]]:
    """Yield the settings of a table and of the tables in it, each with the mechanism that it belongs to, or "".

    `changes` are defaults that differ from those of the class.
    """
    properties = settings.model_json_schema()["properties"]
    for name, field in settings.model_fields.items():
        key, schema = f"{table}.{name}", properties[name]
        # An attention table, whose settings depend on its mechanism.
        if "Attention" in str(schema.get("$ref", schema.get("allOf"))):
            for mechanism, kind in MECHANISMS.items():
                yield from (
                    (mechanism, setting) for _, setting in _settings_of(key, kind.settings, schema.get("default", {}))
                )
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from _settings_of(key, field.annotation)
        else:
            default = "transformer" if name == "architecture" else changes.get(name, schema.get("default"))
            default = "not set" if default is None else json.dumps(default, ensure_ascii=False)  # as in TOML
            values = _listed(_REGISTRIES[name], "") if name in _REGISTRIES else values_of(name, schema)
            yield "", Setting(key, values, default, schema.get("description", ""), Freedom.ON_RESUME in field.metadata)


def values_of(name: str, field: Mapping[str, Any], mark: str = "") -> str:
    """Return the type and range of a setting in words, with marks around values; `field` is from its JSON schema."""
    if name == "score":
        return _listed(SCORES, mark)
    if "anyOf" in field:
        return " or ".join(values_of(name, choice, mark) for choice in field["anyOf"] if choice.get("type") != "null")
    if "$ref" in field:
        return "an attention table" if "Attention" in field["$ref"] else "a table"
    if "const" in field or "enum" in field:
        return _listed(field.get("enum", [field.get("const")]), mark)
    kinds = {
        "boolean": _listed((True, False), mark),
        "array": _list_of(field, mark),
        "string": "a path" if "format" in field else "text",
    }
    return kinds.get(field["type"]) or _range(field, mark)


def _list_of(field: Mapping[str, Any], mark: str) -> str:
    if "maxItems" in field:
        return f"a pair of {'numbers or ' if 'anyOf' in field['prefixItems'][0] else ''}names"
    if "$ref" in field.get("items", {}):
        return "a list of tables"
    names = field.get("items", {}).get("enum")
    return f"a list of {_listed(names, mark)}" if names else "a list of strings"


def _listed(values: Iterable[object], mark: str) -> str:
    return ", ".join(f"{mark}{json.dumps(value)}{mark}" for value in values)


def _range(field: Mapping[str, Any], mark: str) -> str:
    if "maximum" in field and field["maximum"] == field.get("minimum"):
        return f"{mark}{field['maximum']}{mark}"
    noun = "integer" if field["type"] == "integer" else "number"
    limits = [
        f"{symbol} {field[key]:,}" if noun == "integer" else f"{symbol} {field[key]:g}"
        for key, symbol in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in field and field[key] < 2**63
    ]
    return " ".join([noun, " and ".join(limits)]).strip()


def commented(config: Config) -> str:
    """Return a complete config as TOML, with the meaning and the range of each setting above it."""
    lines = []
    for name in Config.model_fields:
        lines += [*_commented_table(name, getattr(config, name)), ""]
    for pairs, changes in config.by_pairs:
        lines += ["# from this number of training pairs on", "[[by_pairs]]", f"pairs = {pairs}"]
        lines += [*(f"{key} = {_toml(value)}" for key, value in changes.items()), ""]
    return "\n".join(lines[:-1])


def _commented_table(table: str, settings: Settings) -> Iterator[str]:
    properties, inner = type(settings).model_json_schema()["properties"], dict[str, Settings]()
    yield f"[{table}]"
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            inner[name] = value
            continue
        values = _listed(_REGISTRIES[name], "") if name in _REGISTRIES else values_of(name, properties[name])
        meaning = "; ".join(filter(None, (properties[name].get("description"), values)))
        yield from (f"# {line}" for line in wrap(meaning, _WIDTH))
        yield f"# {name} is not set" if value is None else f"{name} = {_toml(value)}"
    for name, value in inner.items():
        yield ""
        yield from _commented_table(f"{table}.{name}", value)


def _toml(value: Any) -> str:
    """Return a value in TOML, on one line; a path is written in full."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Settings):
        fields = ((name, getattr(value, name)) for name in type(value).model_fields)
        return f"{{{', '.join(f'{name} = {_toml(inner)}' for name, inner in fields if inner is not None)}}}"
    return (
        tomli_w.dumps({"value": str(value.resolve()) if isinstance(value, Path) else value}).partition("= ")[2].strip()
    )
