"""Which file a config's name means: a TOML file, or one of the configs that are shipped with the program.

Configs of other programs are often YAML; an error shows one of their settings in TOML.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from translator.errors import UsageError, most_similar

_LONG_KEY = re.compile(r"(?:\.[^.\n=\[\]{},]*+){100}")
"""A hundred dots with nothing but parts of a key between them."""


def read_toml(text: str) -> dict[str, Any]:
    """Return the tables of a config file. Raises RecursionError if it is nested too deeply, and tomllib's errors.

    `tomllib` needs time quadratic in the number of parts of a key, so long keys are rejected first.
    """
    if _LONG_KEY.search(text):
        raise RecursionError("a key has a hundred parts or more")
    return tomllib.loads(text)


def shipped(name: str) -> Path:
    """Return the path of a file in `configs/`: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).parent
    installed = package / "configs"
    return (installed if installed.is_dir() else package.parent / "configs") / name


def find_config(name: str) -> Path:
    """Return the config file at this path, or the shipped config of this name. Raises UsageError if there is neither."""
    path = Path(name)
    candidate = shipped(f"{path.name.removesuffix('.toml')}.toml")
    try:
        if path.is_file():
            return path
        if path.parent.name in ("", "configs") and candidate.is_file():
            return candidate
    except OSError as error:  # the name of a file may have 255 bytes
        raise UsageError(name, f"no such config ({error.strerror})") from error
    if (path / "run.json").is_file():
        advice = f"to train its config again, type {path / 'config.toml'} and --set corpus.folder=FOLDER"
        raise UsageError(name, "is a run, expected a config", advice)
    if path.is_dir():
        raise UsageError(name, "is a folder, expected a config", "give a TOML file or the name of a shipped config")
    raise UsageError(name, "no such config", suggest_config(path))


def suggest_config(path: Path) -> str:
    """Return advice for the name or path of a config that does not exist: the most similar one, or the shipped ones."""
    shipped_names = sorted(config.stem for config in shipped("").glob("*.toml"))
    own = [str(config) for config in sorted(path.parent.glob("*.toml"))] if path.parent.is_dir() else []
    if similar := most_similar(str(path), [*own, *shipped_names]):
        return f"did you mean {similar!r}?"
    return f"give a TOML file or one of {', '.join(shipped_names)}"


def yaml_advice(text: str) -> str | None:
    """Return advice for a config that is YAML, with one of its settings in TOML; None if the text does not look like YAML."""
    if not re.match(r"(?:\s*(?:#.*)?\n)*(?:---|[A-Za-z][\w-]*:(?:\s|$))", text):
        return None
    settings, parents = dict[int, str](), list[tuple[int, str]]()
    for number, line in enumerate(text.splitlines(), 1):
        if not (match := re.match(r"( *)([A-Za-z][\w-]*):(?: +([^#\s].*?))?\s*(?:#.*)?$", line)):
            continue
        indent, key, value = len(match[1]), match[2], match[3]
        parents = [parent for parent in parents if parent[0] < indent]
        if value:
            settings[number] = f"{'.'.join([*(name for _, name in parents), key])} = {_toml_value(value)}"
        else:
            parents.append((indent, key))
    if not settings:
        return None
    number = next((number for number, setting in settings.items() if "." in setting.partition(" = ")[0]), min(settings))
    return f"configs are TOML, where line {number} is `{settings[number]}`; start from a copy of configs/demo.toml"


def _toml_value(value: str) -> str:
    """Return a YAML scalar as TOML."""
    value = value.lower() if value in ("True", "False", "TRUE", "FALSE") else value
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return json.dumps(value, ensure_ascii=False)
    return value
