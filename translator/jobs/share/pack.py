"""Pack a finished run into one file that translates anywhere and reveals nothing about the corpus but size and fingerprint."""

from pathlib import Path

import torch

from translator.config import dump_config
from translator.errors import UsageError
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.share.card import PACKED, check_licence, model_card, public_config, score_on_test_set
from translator.jobs.translate.load import load
from translator.runs.folder import CARD, CONFIG, FINISHED, RECORD, RunFolder
from translator.runs.packed import temporary_folder, write_packed
from translator.runs.records import AlignedLayer, RunRecord
from translator.storage.files import write_errors, write_part
from translator.storage.manifest import write_manifest
from translator.training.checkpoint import MODEL


def pack_run(run: RunFolder, output: Path, *, licence: str | None, device: torch.device) -> None:
    """Write the run to a zip file, after scoring it on its test set, if it has one, for the model card."""
    check_licence(licence)
    run.require_single("packed")
    run.require_finished()
    if run.is_packed:
        raise UsageError(run.place, "is already packed", "copy the file, or name the run that it was made from")
    scores = score_on_test_set(run, device=device)
    config, end = public_config(run), run.finish_record()
    record = _public_record(run.record(), _aligned_layer(run, device))
    folder = temporary_folder()
    with write_errors(folder):
        write_part(folder / CONFIG, dump_config(config).encode())
        write_part(folder / RECORD, record.as_json())
        write_part(folder / CARD, model_card(run, scores, usage=PACKED, licence=licence).encode())
        run.tokenizer().save(folder / "tokenizer")
        write_manifest(folder)  # before final/, which has a manifest of its own
        final = folder / "final"
        final.mkdir()
        # A link spares a copy of the parameters.
        (final / MODEL).symlink_to((run.final / MODEL).resolve())
        write_part(folder / FINISHED, end.model_copy(update={"training": config.training}).as_json())
        write_manifest(final)
    write_packed(folder, output)


def _public_record(record: RunRecord, aligned_layer: AlignedLayer | None) -> RunRecord:
    """Return the record without findings, which quote sentences and name files."""
    changes: dict[str, object] = {"findings": []}
    splits = {name: split and split.model_copy(update=changes) for name, split in record.corpus if name != "validation"}
    splits["validation"] = record.corpus.validation.model_copy(update={**changes, "aligned_layer": aligned_layer})
    return record.model_copy(update={"corpus": record.corpus.model_copy(update=splits)})


def _aligned_layer(run: RunFolder, device: torch.device) -> AlignedLayer | None:
    """Return which layer aligns best on the validation set, None if this is not known."""
    try:
        return AttentionViewer(load(run, device=device), run, layer=None, head=None).aligned_layer
    except UsageError:  # the model has no attention weights
        return None
