"""Whether an exported model translates as the run does."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, MachineError, ModelError, UsageError
from translator.jobs.translate.translator import Translator
from translator.runs.folder import RunFolder
from translator.runs.records import AgreementRecord
from translator.storage.manifest import MANIFEST
from translator.text.reader import read_lines

MIN_AGREEMENT = 99.0
"""Percent of identical translations that is expected of equivalent engines: rounding breaks ties differently."""
_MAX_SENTENCES = 200
_SEARCHES: dict[str, dict[str, object]] = {
    "greedy": {"search": "greedy"},
    "beam 5": {"search": "beam", "beam_size": 5},
}
Translate: TypeAlias = Callable[[list[str], DecodingSettings], list[str]]


class EngineAgreement(AgreementRecord):
    """How many sentences both engines translate identically."""

    def __str__(self) -> str:
        return f"{self.search}: {self.equal} of {self.total} translations are identical"

    def reaches(self, percent: float) -> bool:
        """Return whether at least this share is equal."""
        return 100 * self.equal >= percent * self.total


def sentences_to_compare(run: RunFolder, source: Path | None) -> list[str]:
    """Return sentences of a file or, by default, validation sentences. Raises UsageError if the run has none."""
    if source is not None:
        lines = list(islice((line for line in read_lines(source) if line.strip()), _MAX_SENTENCES))
        if not lines:
            raise DataError(str(source), "contains no sentence")
    elif run.has_split("validation"):
        lines = run.split("validation").source[:_MAX_SENTENCES]
    else:
        problem = f"not given, and {run.place} has no validation sentences to compare translations of"
        raise UsageError("--source", problem, "name a file of source sentences")
    return lines


def compare_engines(translator: Translator, lines: list[str], translate: Translate) -> list[EngineAgreement]:
    """Translate the lines with the run and with the exported model, by greedy search and by beam search of size 5."""
    agreements = []
    for name, changes in _SEARCHES.items():
        # Engines can agree only with the same stopping criterion.
        decoding = {**translator.config.decoding.model_dump(), **changes, "num_best": 1, "early_stopping": True}
        settings = DecodingSettings.model_validate(decoding)
        pairs = zip(translator.translate(lines, settings), translate(lines, settings), strict=True)
        num_equal = sum(translation == other for translation, other in pairs)
        agreements.append(EngineAgreement(search=name, equal=num_equal, total=len(lines)))
    return agreements


def require_agreement(target: Path, agreements: Sequence[EngineAgreement], min_agreement: float) -> None:
    """Raise ModelError if fewer than `min_agreement` percent of the translations agree."""
    if not all(agreement.reaches(min_agreement) for agreement in agreements):
        problem = f"{', '.join(map(str, agreements))}, expected at least {min_agreement:g} %"
        raise ModelError(str(target), problem, "nothing was written; lower --agreement PERCENT to accept this")


def target_folder(run: RunFolder, output: Path | None, name: str, *, files: frozenset[str], force: bool) -> Path:
    """Return where to write an export: `output` or, by default, the folder `name` in the run.

    Raises MachineError if the folder exists, unless `force` is given and it contains nothing but `files` of an export.
    """
    run.require_single("exported")
    if output is None and run.packed_in is not None:
        raise UsageError("--output", f"not given, but {run.place} is a file", "name a folder to write")
    target = output or run.path / name
    if target.exists() and not (force and _is_export(target, files)):
        advice = "choose another --output, or add --force" if _is_export(target, files) else "choose another --output"
        raise MachineError(str(target), "exists", advice)
    return target


def _is_export(folder: Path, files: frozenset[str]) -> bool:
    """Return whether a folder contains an exported model, intact or not, and nothing else, so that it may be replaced."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return bool(names & files - {MANIFEST}) and names <= files
