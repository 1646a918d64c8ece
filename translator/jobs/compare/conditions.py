"""Conditions that must be equal for a comparison to be about the models: data, training, decoding, time and machine."""

from collections.abc import Sequence
from typing import NamedTuple

from translator.config import MAY_DIFFER, flatten
from translator.errors import UsageError, listed
from translator.evaluation.settings import choose_tokenizer
from translator.runs.folder import RunFolder

_TOLERANCE = 1.25
"""Numbers of parameters and training times are never exactly equal; they count as equal up to this ratio."""
_TOLERANCE_SECONDS = 60


class Condition(NamedTuple):
    """A condition that differs between runs."""

    name: str
    values: list[str]  # one per run, as shown

    def __str__(self) -> str:
        """Return the name and up to three distinct values."""
        return f"{self.name} ({listed(list(dict.fromkeys(self.values)), 3)})"


def unequal_conditions(runs: Sequence[RunFolder], *, decoding: bool) -> list[Condition]:
    """Return all conditions that differ, except the models' own settings and the seeds, which may.

    They are: fingerprints of training pairs, validation pairs and tokenizer; number of updates; settings of [training]
    and [ops] that affect the result; machine and library versions; number of parameters and training time, if the
    largest exceeds the smallest by more than a quarter (and a minute); and, if `decoding`, the settings of [decoding].
    """
    tables = ("training.", "ops.", "decoding.") if decoding else ("training.", "ops.")
    finished = [run.finish_record() for run in runs]
    compared = list[dict[str, object]]()
    for run, finish in zip(runs, finished, strict=True):
        record, config, settings = run.record(), run.config(), settings_of(run)
        values = {
            "training pairs": record.corpus.train.fingerprint[:12],
            "validation pairs": record.corpus.validation.fingerprint[:12],
            "tokenizer": record.tokenizer[:12],
            "steps": finish.step,
            "evaluation.tokenizer": choose_tokenizer(config.evaluation, config.corpus.target_language).name,
            **{key: settings[key] for key in settings if key.startswith(tables) and key not in MAY_DIFFER},
            "translator": record.versions.translator,
            "torch": record.versions.torch,
            **finish.environment,
        }
        compared.append(values)
    names = dict.fromkeys(name for values in compared for name in values)
    conditions = [Condition(name, [str(values.get(name, "unknown")) for values in compared]) for name in names]
    unequal = [condition for condition in conditions if len(set(condition.values)) > 1]
    sizes, seconds = [finish.num_parameters for finish in finished], [finish.seconds for finish in finished]
    for name, amounts, slack in (("parameters", sizes, 0), ("training seconds", seconds, _TOLERANCE_SECONDS)):
        if max(amounts) > max(_TOLERANCE * min(amounts), min(amounts) + slack):
            unequal.append(Condition(name, [f"{amount:,.0f}" for amount in amounts]))
    return unequal


def settings_of(run: RunFolder) -> dict[str, object]:
    """Return all settings of a run; if it has finished, [training] is as it was at the end."""
    config = run.config()
    return flatten(config.model_copy(update={"training": run.finish_record().training}) if run.is_finished else config)


def require_equal(conditions: Sequence[Condition]) -> None:
    """Raise UsageError naming every condition that differs."""
    if conditions:
        problem = f"unequal conditions: {'; '.join(map(str, conditions))}"
        raise UsageError("--strict", problem, "train the models under equal conditions, or compare with --no-strict")
