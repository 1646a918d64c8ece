"""An export that translates otherwise is not written, and only an export is replaced."""

from pathlib import Path
from typing import Any

import pytest

from tests.jobs.export.test_export import exported
from translator.config import Config
from translator.errors import MachineError, ModelError
from translator.jobs.export import export
from translator.jobs.translate.conversion import convert
from translator.models.interface import AnyModel
from translator.runs.folder import RunFolder
from translator.text.tokenizer import Tokenizer


def test_an_export_with_other_translations_is_not_written(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def convert_without_positions(config: Config, model: AnyModel, tokenizer: Tokenizer) -> Any:
        spec = convert(config, model, tokenizer)
        spec.encoder.position_encodings.encodings.array[:] = 0
        return spec

    monkeypatch.setattr(export, "convert", convert_without_positions)
    output = tmp_path / "out" / "model"
    with pytest.raises(ModelError, match=r"greedy: \d+ of 60 .* expected at least 99 %; nothing was written"):
        exported(run, output=output)
    assert list(output.parent.iterdir()) == []
    assert not exported(run, output=output, min_agreement=0.0).is_equivalent


def test_only_an_export_is_replaced_and_only_by_force(run: RunFolder) -> None:
    folder = exported(run).path
    before = (folder / "export.json").read_bytes()
    with pytest.raises(MachineError, match=r"exists; choose another --output, or add --force"):
        exported(run)
    assert (folder / "export.json").read_bytes() == before
    assert exported(run, force=True, quantization="int8").path == folder
    with pytest.raises(MachineError, match=r"exists; choose another --output$"):
        exported(run, output=run.path / "final", force=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(MachineError, match=r"exists; choose another --output$"):
        exported(run, force=True)
    assert (folder / "notes.txt").read_text() == "mine"
