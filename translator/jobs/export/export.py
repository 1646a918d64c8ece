"""Export a finished run to CTranslate2, if the exported model translates the same."""

from pathlib import Path
from typing import NamedTuple

from translator.decoding.settings import DecodingSettings
from translator.errors import MachineError, ModelError, UsageError
from translator.jobs.translate.conversion import convert, import_ctranslate2
from translator.jobs.translate.engines import CTRANSLATE2, EXPORT, CTranslate2Engine
from translator.jobs.translate.load import load
from translator.jobs.translate.translator import Translator
from translator.runs.folder import RunFolder
from translator.runs.records import AgreementRecord, ExportRecord
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import MANIFEST

MIN_AGREEMENT = 99.0
"""Percent of identical translations that is expected of equivalent engines: rounding breaks ties differently."""
_MAX_SENTENCES = 200
_VOCABULARIES = "shared_vocabulary.json", "source_vocabulary.json", "target_vocabulary.json"
_FILES = {"model.bin", "config.json", *_VOCABULARIES, EXPORT, MANIFEST}
"""All files that an exported model may have."""


class EngineAgreement(AgreementRecord):
    """How many validation sentences both engines translate identically."""

    def __str__(self) -> str:
        return f"{self.search}: {self.equal} of {self.total} validation translations are identical"

    def reaches(self, percent: float) -> bool:
        """Return whether at least this share is equal."""
        return 100 * self.equal >= percent * self.total


class Export(NamedTuple):
    """An exported model and how well it agrees with its run."""

    path: Path
    agreements: list[EngineAgreement]

    @property
    def is_equivalent(self) -> bool:
        """Whether the translations of both engines agree up to ties."""
        return all(agreement.reaches(MIN_AGREEMENT) for agreement in self.agreements)


def export_run(
    run: RunFolder, output: Path | None = None, *, quantization: str | None, min_agreement: float | None, force: bool
) -> Export:
    """Convert a run and write it to `output`, by default the folder in the run where the engine looks for it.

    Raises ModelError and writes nothing if fewer than `min_agreement` percent of the translations agree. The default is
    MIN_AGREEMENT, or 0 with quantization, which is expected to change translations.
    """
    target = output or run.path / CTRANSLATE2
    if target.exists() and not (force and _is_export(target)):
        advice = "choose another --output, or add --force" if _is_export(target) else "choose another --output"
        raise MachineError(str(target), "exists", advice)
    translator = load(run)
    spec = convert(translator.config, translator.model, translator.tokenizer)
    try:
        spec.optimize(quantization)
    except ValueError as error:
        raise UsageError("--quantization", str(error)) from error
    if min_agreement is None:
        min_agreement = 0.0 if quantization else MIN_AGREEMENT
    with new_folder(target) as temporary:
        spec.save(str(temporary))
        agreements = _compare_engines(translator, run.split("validation").source[:_MAX_SENTENCES], temporary)
        if not all(agreement.reaches(min_agreement) for agreement in agreements):
            problem = f"{', '.join(map(str, agreements))}, expected at least {min_agreement:g} %"
            raise ModelError(str(target), problem, "nothing was written; lower --agreement PERCENT to accept this")
        record = ExportRecord(
            parameters=run.parameters_digest(),
            quantization=quantization,
            ctranslate2=import_ctranslate2().__version__,
            agreements=list(agreements),
        )
        write_part(temporary / EXPORT, record.as_json())
    return Export(target, agreements)


def _is_export(folder: Path) -> bool:
    """Return whether a folder contains an exported model, intact or not, and nothing else, so that it may be replaced."""
    return folder.is_dir() and "model.bin" in (names := {path.name for path in folder.iterdir()}) and names <= _FILES


def _compare_engines(translator: Translator, lines: list[str], folder: Path) -> list[EngineAgreement]:
    """Translate the lines with both engines, by greedy search and by beam search of size 5."""
    tokenizer, decoding = translator.tokenizer, translator.config.decoding.model_dump()
    engine = CTranslate2Engine(folder, translator.model, tokenizer)
    exported = Translator(translator.model, tokenizer, translator.config, translator.known_words, engine)
    agreements = []
    for name, changes in (("greedy", {"search": "greedy"}), ("beam 5", {"search": "beam", "beam_size": 5})):
        settings = DecodingSettings(**{**decoding, **changes, "num_best": 1, "early_stopping": True})
        pairs = zip(translator.translate(lines, settings), exported.translate(lines, settings), strict=True)
        num_equal = sum(translation == other for translation, other in pairs)
        agreements.append(EngineAgreement(search=name, equal=num_equal, total=len(lines)))
    return agreements
