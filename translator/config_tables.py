"""Configs as nested tables, before they are validated: changes by `--set` and by the tables `[[by_pairs]]` of a config file."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from translator.config_errors import quoted
from translator.errors import UsageError

Table: TypeAlias = dict[str, Any]
"""Nested tables as TOML gives them."""

ARCHITECTURE = "model.architecture"
BY_PAIRS = "by_pairs"
"""Tables of a config file whose settings replace others from a number of training pairs on."""
_OF_ARCHITECTURE = ("model", "encoder", "decoder")
_SURROGATE = re.compile("[\ud800-\udfff]")
"""The surrogates to which Python decodes bytes of the command line that are not UTF-8."""


def architecture_of(table: Table, default: str = "transformer") -> Any:
    """Return the value of model.architecture, which may be of any type."""
    model = table.get("model")
    return model.get("architecture", default) if isinstance(model, dict) else default


def with_row(table: Table, row: Table, overrides: Sequence[str] = ()) -> Table:
    """Return a copy of a config with the changes of a row of `by_pairs`; the overrides are not applied.

    Each architecture has its own [model], [encoder] and [decoder]: of the config and the row, only those of the architecture
    that the overrides or else the row chooses are used.
    """
    of_config = architecture_of(table)
    of_row = architecture_of(row, of_config)
    given = overridden({}, [override for override in overrides if _key(override) == ARCHITECTURE])
    used = architecture_of(given, of_row)
    changes = {key: value for key, value in row.items() if key != "pairs"}
    return _merged(
        table if of_config == used else _without_architecture(table),
        changes if of_row == used else _without_architecture(changes),
    )


def _without_architecture(table: Table) -> Table:
    return {key: value for key, value in table.items() if key not in _OF_ARCHITECTURE}


def _merged(table: Table, changes: Table) -> Table:
    """Return a copy of nested tables with changes."""
    merged = {key: _merged(value, {}) if isinstance(value, dict) else value for key, value in table.items()}
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old if isinstance(old, dict) else {}, value) if isinstance(value, dict) else value
    return merged


def overridden(table: Table, overrides: Iterable[str]) -> Table:
    """Return a copy of nested tables with `a.b=c` overrides applied; steps replace the epochs of the table."""
    table = _merged(table, {})
    for override in overrides:
        _apply(table, override)
        if _key(override) == "training.steps" and isinstance(table["training"], dict):
            table["training"].pop("epochs", None)
    return table


def _key(override: str) -> str:
    return override.partition("=")[0].strip()


def _apply(table: Table, override: str) -> None:
    """Set `a.b=value` in nested tables. The value is read as TOML or, failing that, as plain text."""
    key, separator, written = override.partition("=")
    *parents, last = key.strip().split(".")
    if not separator or not all((*parents, last)):
        raise UsageError(f"--set {override}", "expected KEY=VALUE", "for example --set training.steps=500")
    if _SURROGATE.search(override):
        raise UsageError(f"--set {key}", f"found {quoted(written)}, which is not UTF-8", "encode it as UTF-8")
    try:
        # A line feed in the value could begin another key.
        value, *more = tomllib.loads(f"value = {written}").values()
    except (ValueError, RecursionError):  # ValueError also for an integer with too many digits
        value, more = written, []
    if more:
        raise UsageError(f"--set {key}", f"found {quoted(written)}, expected one value", "use one --set per key")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {key}", f"{parent!r} is a value, not a table", "see the config for its keys")
    table[last] = value
