"""A run is exported to `transformers` if it translates the same there; its card and files are uploaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.jobs.export.conftest import Program
from tests.jobs.export.hub_server import open_hub
from translator.errors import MachineError
from translator.jobs.export import transformers_checkpoint, transformers_export
from translator.jobs.export.transformers_export import export_checkpoint
from translator.runs.folder import RunFolder

pytest.importorskip("transformers", reason="needs the library: pip install transformers")


def test_an_exported_run_translates_the_same_and_is_uploaded(run: RunFolder, tmp_path: Path) -> None:
    with open_hub() as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_secret", "HF_HUB_DISABLE_XET": "1"}
        words = ["export", str(run.path), "--to", "transformers", "--push", "me/tiny", "--license", "cc0-1.0"]
        words = [sys.executable, "-m", "translator", *words, "--output", str(tmp_path / "out")]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out'}\n"), done.stderr
    for search in ("greedy", "beam 5"):
        assert f"{search}: 60 of 60 translations are identical" in done.stderr
    assert f"uploaded to {hub.url}/me/tiny" in done.stderr
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.name != "manifest.json"}
    assert (hub.models, hub.files, hub.tokens) == (["me/tiny"], written, {"Bearer hf_secret"})
    card = written["README.md"].decode()
    assert hub.card == card
    assert 'AutoTokenizer.from_pretrained("me/tiny")' in card
    assert "library_name: transformers" in card


def test_a_checkpoint_that_translates_otherwise_is_not_written(
    run: RunFolder, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(transformers_checkpoint, "sinusoids", lambda *sizes: torch.zeros(sizes[1:]))
    code, output, errors = program("export", run.path, "--to", "transformers")
    assert (code, output) == (4, "")
    assert "expected at least 99 %; nothing was written" in errors
    assert not (run.path / "transformers").exists()


def test_without_the_library_the_checkpoint_is_written_with_a_warning(
    run: RunFolder, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_export, "find_spec", lambda name: None)
    code, output, errors = program("export", run.path, "--to", "transformers")
    assert (code, output) == (0, f"{run.path / 'transformers'}\n")
    assert "the translations are not compared, since transformers is not installed" in errors
    with pytest.raises(MachineError, match="--agreement: transformers is not installed"):
        export_checkpoint(run, min_agreement=50.0)
    with pytest.raises(MachineError, match="exists; choose another --output, or add --force"):
        export_checkpoint(run)
    assert export_checkpoint(run, force=True).agreements == []
