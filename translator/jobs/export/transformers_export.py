"""Export a finished run as a checkpoint of `transformers`, with a model card, if it translates the same there."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

import torch

from translator.decoding.settings import DecodingSettings
from translator.errors import MachineError
from translator.jobs.export.agreement import (
    MIN_AGREEMENT,
    EngineAgreement,
    Translate,
    compare_engines,
    require_agreement,
    sentences_to_compare,
    target_folder,
)
from translator.jobs.export.export import Export
from translator.jobs.export.transformers_checkpoint import FILES, check_exportable, write_checkpoint
from translator.jobs.share.card import Usage, check_licence, model_card, score_on_test_set
from translator.jobs.translate.load import load
from translator.runs.folder import CARD, RunFolder
from translator.storage.files import write_part
from translator.storage.folders import new_folder
from translator.storage.manifest import MANIFEST

TRANSFORMERS = "transformers"
_BATCH_SIZE = 32
_USAGE = Usage(
    TRANSFORMERS,
    "python",
    """from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("NAME"), AutoModelForSeq2SeqLM.from_pretrained("NAME")
inputs = tokenizer(["TEXT"], return_tensors="pt")
print(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True))""",
)


def is_installed() -> bool:
    """Return whether the library is installed, so that translations can be compared."""
    return find_spec(TRANSFORMERS) is not None


def export_checkpoint(
    run: RunFolder,
    output: Path | None = None,
    *,
    source: Path | None = None,
    min_agreement: float | None = None,
    licence: str | None = None,
    name: str | None = None,
    force: bool = False,
) -> Export:
    """Write a run as a checkpoint, by default into the folder `transformers` of the run; `name` is its name on the hub.

    Raises ModelError and writes nothing if fewer than `min_agreement` percent of the translations agree. Without the
    library, nothing is compared, and the result has no agreements; MachineError if `min_agreement` is given all the same.
    """
    check_licence(licence)
    if min_agreement is not None and not is_installed():
        raise MachineError("--agreement", "transformers is not installed", "type: pip install transformers")
    target = target_folder(run, output, TRANSFORMERS, files=FILES | {CARD, MANIFEST}, force=force)
    run.require_finished()
    check_exportable(run.config())
    lines, translator = sentences_to_compare(run, source), load(run)
    usual_length = fmean(map(len, translator.tokenizer.encode_source(lines)))
    usage = _USAGE._replace(example=_USAGE.example.replace("NAME", name or target.resolve().name))
    with new_folder(target) as temporary:
        write_checkpoint(translator, temporary, usual_length=usual_length)
        agreements: list[EngineAgreement] = []
        if is_installed():
            agreements = compare_engines(translator, lines, _open_checkpoint(temporary))
            require_agreement(target, agreements, MIN_AGREEMENT if min_agreement is None else min_agreement)
        scores = score_on_test_set(run, device=torch.device("cpu"))
        write_part(temporary / CARD, model_card(run, scores, usage=usage, licence=licence).encode())
    return Export(target, agreements)


def _open_checkpoint(folder: Path) -> Translate:
    """Return a function that translates with the library; all settings but search and beam size are the checkpoint's."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings(action="ignore"):  # it recommends sacremoses, which is not used here
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()

    @torch.inference_mode()
    def translate(lines: list[str], settings: DecodingSettings) -> list[str]:
        num_beams, translations = settings.beam_size if settings.search == "beam" else 1, [""] * len(lines)
        # Sentences of similar length are padded less.
        order = sorted(range(len(lines)), key=lambda number: len(lines[number]))
        for first in range(0, len(order), _BATCH_SIZE):
            rows = order[first : first + _BATCH_SIZE]
            inputs = tokenizer([lines[row] for row in rows], return_tensors="pt", padding=True, truncation=True)
            ids_BT = model.generate(**inputs, num_beams=num_beams, do_sample=False)
            for row, text in zip(rows, tokenizer.batch_decode(ids_BT, skip_special_tokens=True), strict=True):
                translations[row] = text
        return translations

    return translate
