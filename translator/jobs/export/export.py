"""Export a finished run to CTranslate2, if the exported model translates the same."""

from pathlib import Path
from typing import NamedTuple

from translator.errors import UsageError
from translator.jobs.export.agreement import (
    MIN_AGREEMENT,
    EngineAgreement,
    compare_engines,
    require_agreement,
    sentences_to_compare,
    target_folder,
)
from translator.jobs.translate.conversion import convert, import_ctranslate2
from translator.jobs.translate.engines import CTRANSLATE2, EXPORT, CTranslate2Engine
from translator.jobs.translate.load import load
from translator.jobs.translate.translator import Translator
from translator.runs.folder import RunFolder
from translator.runs.records import ExportRecord
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import MANIFEST

_VOCABULARIES = "shared_vocabulary.json", "source_vocabulary.json", "target_vocabulary.json"
_FILES = frozenset({"model.bin", "config.json", *_VOCABULARIES, EXPORT, MANIFEST})
"""All files that an exported model may have."""


class Export(NamedTuple):
    """An exported model and how well it agrees with its run."""

    path: Path
    agreements: list[EngineAgreement]

    @property
    def is_equivalent(self) -> bool:
        """Whether the translations of both engines agree up to ties."""
        return all(agreement.reaches(MIN_AGREEMENT) for agreement in self.agreements)


def export_run(
    run: RunFolder,
    output: Path | None = None,
    *,
    quantization: str | None,
    min_agreement: float | None,
    force: bool,
    source: Path | None = None,
) -> Export:
    """Convert a run and write it to `output`, by default the folder in the run where the engine looks for it.

    Raises ModelError and writes nothing if fewer than `min_agreement` percent of the translations agree. The default is
    MIN_AGREEMENT, or 0 with quantization, which is expected to change translations.
    """
    target = target_folder(run, output, CTRANSLATE2, files=_FILES, force=force)
    lines = sentences_to_compare(run, source)
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
        engine = CTranslate2Engine(temporary, translator.model, translator.tokenizer)
        exported = Translator(translator.model, translator.tokenizer, translator.config, translator.known_words, engine)
        agreements = compare_engines(translator, lines, exported.translate)
        require_agreement(target, agreements, min_agreement)
        record = ExportRecord(
            parameters=run.parameters_digest(),
            quantization=quantization,
            ctranslate2=import_ctranslate2().__version__,
            agreements=list(agreements),
        )
        write_part(temporary / EXPORT, record.as_json())
    return Export(target, agreements)
