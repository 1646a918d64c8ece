"""`make docs`: writes configs/README.md from the settings classes and the comments of the shipped configs.

`tests/test_settings_page.py` fails if the file is not what this module writes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, cast

from translator.attention import MECHANISMS
from translator.attention.build import read_attention
from translator.attention.interface import AttentionSettings
from translator.config import Config, load_config
from translator.jobs.show.settings import values_of
from translator.models import MODELS
from translator.settings import Freedom, Settings

CONFIGS = Path(__file__).parent.parent / "configs"
PAGE = CONFIGS / "README.md"

INTRODUCTION = """\
# Configs and settings

<!-- Written by `make docs` from the settings classes; edit those instead. -->

A config is one TOML file that describes one experiment completely. Give its name or its path:

```sh
translator train demo-additive
translator train my.toml
translator train demo --set training.steps=500 --set model.dropout=0.1
```

`--set` changes one setting and may be repeated. The run folder keeps the resulting config with all defaults filled in, so
that a run can always be repeated. A key that does not exist is an error with a suggestion. To start an experiment of your
own, copy the file below that is closest to it. Relative folders are relative to the config file.

A run can be resumed with other values of the settings marked † and of `[decoding]`. Every other change needs a new run.
Since a run may be somebody else's, its own `[decoding]` table is limited: 64 for `beam_size` and `num_best`, 32 for `min_length`,
512 for `max_length`, 5 for `max_length_ratio` and 100 for `max_length_extra`. On the command line, the whole range is allowed.

## Shipped configs
"""
BY_PAIRS = """
## Settings by number of pairs

`translator train --corpus FILE` uses the config `auto`, whose tables `[[by_pairs]]` choose these settings: each column applies
from the number of training pairs in its heading upwards. The chosen values are printed and stored with the run; `--set` replaces
any of them. An empty cell is a setting that the architecture does not have. Training ends after `training.epochs` passes, or
earlier when ten validations have brought no better BLEU. Small corpora get a recurrent model with a small vocabulary, small
batches and much dropout (Sennrich and Zhang 2019), which was better than a Transformer on the first 1,000 pairs of Multi30k
([results](../tests/README.md#the-first-pairs-of-multi30k)).
"""
ATTENTION = """\
## Attention

These tables go into `[encoder.self_attention]`, `[decoder.self_attention]` and `[decoder.cross_attention]`. `mechanism` says how
scores become contexts, and `score` how a query is compared with a key. The default mechanism is `{mechanism}`.

| mechanism | places | scores |
|---|---|---|
"""
PLACES = {"encoder": "encoder self-attention", "decoder": "decoder self-attention", "cross": "cross-attention"}


def write_page() -> str:
    """Return the whole page."""
    return "\n".join(
        [
            INTRODUCTION,
            *_table(("config", "description"), _shipped_configs()),
            *_by_pairs(),
            *_section("corpus", _class_of(Config, "corpus"), skip={"hub"}),
            *_section("corpus.hub", _class_of(_class_of(Config, "corpus"), "hub")),
            *_section("tokenizer", _class_of(Config, "tokenizer")),
            *_architectures(),
            *_attention(),
            *(
                line
                for name in ("training", "decoding", "ops", "evaluation")
                for line in _section(name, _class_of(Config, name))
            ),
        ]
    )


def _class_of(settings: type[Settings], field: str) -> type[Settings]:
    """Return the settings class of a field that is a table."""
    return cast(type[Settings], settings.model_fields[field].annotation)


def _shipped_configs() -> Iterator[tuple[str, str]]:
    """Yield (name, description) of each config; the description is the first line of the file."""
    for path in sorted(CONFIGS.glob("*.toml"), key=lambda path: path.stem):
        yield f"[`{path.stem}`]({path.name})", path.read_text("utf-8").splitlines()[0].removeprefix("# ")


def _by_pairs() -> Iterator[str]:
    """Yield the settings of `auto` by number of training pairs."""
    config = load_config(CONFIGS / "auto.toml")
    rows = dict(config.by_pairs)
    shown = {key for pairs in rows for key in config.for_pairs(pairs).without_defaults()}
    keys = [key for key in dict.fromkeys(chain.from_iterable(rows.values())) if key in shown]
    yield BY_PAIRS
    table = ((f"`{key}`", *(str(row.get(key, "")) for row in rows.values())) for key in keys)
    yield from _table(("setting", *(f"{pairs:,}" for pairs in rows)), table)


def _architectures() -> Iterator[str]:
    for name, architecture in MODELS.items():
        yield f'\n## `architecture = "{name}"`'
        for table in ("model", "encoder", "decoder"):
            yield from _section(table, getattr(architecture, table), level=3)


def _attention() -> Iterator[str]:
    rows = []
    for name, mechanism in MECHANISMS.items():
        scores = "none" if not mechanism.has_context else "dot products" if mechanism.needs_dot else "all"
        rows.append(
            f"| `{name}` | {', '.join(PLACES[place] for place in PLACES if place in mechanism.places)} | {scores} |"
        )
    yield "\n" + ATTENTION.format(mechanism=read_attention({}).mechanism) + "\n".join(rows)
    yield "\n`dot`, `scaled_dot` and `general` are dot products. All mechanisms share these settings:\n"
    yield from _settings_table(AttentionSettings)
    for name, mechanism in MECHANISMS.items():
        changed = _own_fields(mechanism.settings)
        if changed:
            yield f'\n### `mechanism = "{name}"`\n'
            yield from _settings_table(mechanism.settings, only=changed)


def _own_fields(settings: type[AttentionSettings]) -> set[str]:
    """Return the settings that a mechanism adds to the common ones or restricts."""
    common = AttentionSettings.model_json_schema()["properties"]
    own = settings.model_json_schema()["properties"]
    return {name for name, schema in own.items() if common.get(name) != schema} - {"mechanism"}


def _section(name: str, settings: type[Settings], *, level: int = 2, skip: Iterable[str] = ()) -> Iterator[str]:
    yield f"\n{'#' * level} `[{name}]`\n"
    yield from _settings_table(settings, only=settings.model_fields.keys() - set(skip))


def _settings_table(settings: type[Settings], *, only: Iterable[str] | None = None) -> Iterator[str]:
    schema = settings.model_json_schema()
    shown = schema["properties"].keys() if only is None else only
    rows = [
        (
            f"`{name}`" + _mark(settings, name),
            values_of(name, field, mark="`"),
            _default(field),
            field.get("description", ""),
        )
        for name, field in schema["properties"].items()
        if name in shown and name not in ("architecture", "mechanism")  # given by the heading
    ]
    yield from _table(("setting", "values", "default", "meaning"), rows)


def _mark(settings: type[Settings], name: str) -> str:
    return " †" if Freedom.ON_RESUME in settings.model_fields[name].metadata else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _default(field: Mapping[str, Any]) -> str:
    """Return the default as it is written in TOML; of an attention table, what differs from the common defaults."""
    default = field.get("default")
    if isinstance(default, dict):
        common = AttentionSettings.model_fields
        changed = {name: value for name, value in default.items() if value != common[name].default}
        return ", ".join(f"`{name} = {json.dumps(value)}`" for name, value in changed.items())
    return "not set" if default is None else f"`{json.dumps(default)}`"


if __name__ == "__main__":
    PAGE.write_text(write_page() + "\n", "utf-8")
