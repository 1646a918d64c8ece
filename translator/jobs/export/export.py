"""Write a finished run for another program's engine, after proving that it translates the same there."""

import json
from pathlib import Path
from typing import NamedTuple

from translator.decoding.settings import DecodingSettings
from translator.errors import MachineError, ModelError, UsageError
from translator.jobs.translate.conversion import convert, import_ctranslate2
from translator.jobs.translate.engines import CTRANSLATE2, EXPORT, CTranslate2Engine
from translator.jobs.translate.translator import Translator, load
from translator.runs.folder import FORMAT, RunFolder
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import MANIFEST

SAME = 99.0
"""Percent of equal translations from which on two engines count as the same; ties broken by rounding make up the rest."""
MOST_SENTENCES = 200
VOCABULARIES = "shared_vocabulary.json", "source_vocabulary.json", "target_vocabulary.json"
PARTS = {"model.bin", "config.json", *VOCABULARIES, EXPORT, MANIFEST}
"""All files that an exported model may have."""


class Agreement(NamedTuple):
    """How many validation sentences both engines translate with the same text."""

    search: str
    equal: int
    total: int

    def __str__(self) -> str:
        return f"{self.search}: {self.equal} of {self.total} validation translations are the same"

    def reaches(self, percent: float) -> bool:
        """Whether at least so many are equal."""
        return 100 * self.equal >= percent * self.total


class Export(NamedTuple):
    """What was written, and how it did."""

    path: Path
    agreements: list[Agreement]

    @property
    def is_same(self) -> bool:
        """Whether it may stand for the run."""
        return all(agreement.reaches(SAME) for agreement in self.agreements)


def export_run(
    run: RunFolder, output: Path | None = None, *, quantization: str | None, least: float | None, force: bool
) -> Export:
    """Convert a run for CTranslate2 into `output`, by default the place in the run where the engine looks for it.

    Raises ModelError, and leaves nothing at `output`, where fewer than `least` percent of the translations agree: by
    default SAME, but any where weights are quantized, since who asks for rounded weights asks for other translations.
    """
    target = output or run.path / CTRANSLATE2
    if target.exists() and not (force and is_export(target)):
        advice = "choose another --output, or give --force" if is_export(target) else "choose another --output"
        raise MachineError(str(target), "exists", advice)
    translator = load(run)
    spec = convert(translator.config, translator.model, translator.tokenizer)
    try:
        spec.optimize(quantization)
    except ValueError as error:
        raise UsageError("--quantization", str(error)) from error
    needed = least if least is not None else 0.0 if quantization else SAME
    with new_folder(target) as temporary:
        spec.save(str(temporary))
        agreements = compare_engines(translator, run.split("validation").source[:MOST_SENTENCES], temporary)
        if not all(agreement.reaches(needed) for agreement in agreements):
            found = ", ".join(map(str, agreements))
            advice = "nothing was written; to accept fewer give --agreement PERCENT"
            raise ModelError(str(target), f"{found}, expected at least {needed:g} %", advice)
        record = {
            "format": FORMAT,
            "weights": run.parameters_digest(),
            "quantization": quantization,
            "ctranslate2": import_ctranslate2().__version__,
            "agreements": [agreement._asdict() for agreement in agreements],
        }
        write_part(temporary / EXPORT, json.dumps(record, indent=1).encode())
    return Export(target, agreements)


def is_export(folder: Path) -> bool:
    """Whether a folder holds an exported model, perhaps damaged, and nothing else, so that it may be replaced."""
    return folder.is_dir() and "model.bin" in (names := {path.name for path in folder.iterdir()}) and names <= PARTS


def compare_engines(translator: Translator, lines: list[str], folder: Path) -> list[Agreement]:
    """Translate the same lines with both engines, by greedy search and by a beam of 5."""
    tokenizer, decoding = translator.tokenizer, translator.config.decoding.model_dump()
    engine = CTranslate2Engine(folder, translator.model, tokenizer)
    other = Translator(translator.model, tokenizer, translator.config, translator.known_words, engine)
    agreements = []
    for name, changes in (("greedy", {"search": "greedy"}), ("beam 5", {"search": "beam", "beam_size": 5})):
        settings = DecodingSettings(**{**decoding, **changes, "num_best": 1})
        pairs = zip(translator.translate(lines, settings), other.translate(lines, settings), strict=True)
        agreements.append(Agreement(name, sum(one == two for one, two in pairs), len(lines)))
    return agreements
