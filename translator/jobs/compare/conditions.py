"""What must be equal for a comparison to be about the models: recipe, data, decoding, time and machine."""

from collections.abc import Sequence
from typing import NamedTuple

from translator.config import MAY_DIFFER, flatten
from translator.errors import UsageError
from translator.runs.folder import RunFolder

CLOSE = 1.25
"""Weights and seconds of two trainings are never the same number: within a quarter they count as equal."""
SLACK_SECONDS = 60
SPLITS = {"training pairs": "train", "validation pairs": "validation"}


class Condition(NamedTuple):
    """Something that differs between the runs and is not what is compared."""

    name: str
    values: list[str]  # one a run, as shown

    def __str__(self) -> str:
        """The name and, each once, the first values."""
        found = list(dict.fromkeys(self.values))
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"{self.name} ({', '.join(found[:3])}{more})"


def unequal_conditions(runs: Sequence[RunFolder], *, decoding: bool) -> list[Condition]:
    """All that differs and should be equal where models are compared; their own tables and their seeds may differ.

    That is: training pairs, validation pairs and tokenizer, by fingerprint; the updates done; the settings of [training]
    and [ops] that change what is computed; the machine and versions; weights and training time, where the largest is
    more than a quarter (and a minute) above the smallest; and, if `decoding` says so, the runs' own [decoding].
    """
    facts = [facts_of(run, ("training.", "ops.", "decoding.") if decoding else ("training.", "ops.")) for run in runs]
    names = dict.fromkeys(name for one in facts for name in one)
    found = [Condition(name, [str(one.get(name, "unknown")) for one in facts]) for name in names]
    unequal = [condition for condition in found if len(set(condition.values)) > 1]
    for name, key, slack in (("weights", "weights", 0), ("training seconds", "seconds", SLACK_SECONDS)):
        amounts = [run.finish_record()[key] for run in runs]
        if max(amounts) > max(CLOSE * min(amounts), min(amounts) + slack):
            unequal.append(Condition(name, [f"{amount:,.0f}" for amount in amounts]))
    return unequal


def facts_of(run: RunFolder, tables: tuple[str, ...]) -> dict[str, object]:
    """What should be equal of all runs, by name."""
    record, finished, settings = run.record(), run.finish_record(), settings_of(run)
    prints = {name: record["corpus"].get(key, {}).get("fingerprint", "unknown") for name, key in SPLITS.items()}
    versions = record.get("versions", {})
    return {
        **{name: found[:12] for name, found in {**prints, "tokenizer": record["tokenizer"]}.items()},
        "steps": finished["step"],
        **{key: settings[key] for key in settings if key.startswith(tables) and key not in MAY_DIFFER},
        "translator": versions.get("translator"),
        "torch": versions.get("torch"),
        **finished.get("environment", {"threads": record.get("threads")}),
    }


def settings_of(run: RunFolder) -> dict[str, object]:
    """Every setting of a run, those of [training] as they were when it ended, if it did."""
    last = run.finish_record().get("training", {}) if run.is_finished else {}
    return flatten(run.config()) | {f"training.{key}": value for key, value in last.items()}


def require_equal(conditions: Sequence[Condition]) -> None:
    """Raise UsageError naming every condition that is unequal."""
    if conditions:
        listed = "; ".join(map(str, conditions))
        raise UsageError(
            "--strict", f"unequal conditions: {listed}", "train the models alike, or compare with --no-strict"
        )
